/**
 * Faults of a simulated host: how often each kind strikes, and the plan of one run. The plan is drawn
 * before the run begins, as a list, so that a failing run can be cut down fault by fault.
 */
import { SynapseError } from '../base/error.ts';
import type { Chance } from './chance.ts';

/**
 * How often each fault strikes: expected number per 100 operations, but for `duplicate` and `delay`, which
 * are probabilities per message between lanes and with the embedder.
 */
export interface FaultRates {
  /** A lane dies between two turns. */
  readonly laneDeath: number;
  /** A lane dies inside a turn. */
  readonly turnDeath: number;
  /** An input kills each lane it runs in, until it is set aside. */
  readonly poison: number;
  /** The process dies between two commits. */
  readonly crash: number;
  /** The process is replaced by one with newer versions of the actors; from the second time on it is a crash. */
  readonly upgrade: number;
  /** Power is lost inside a commit: any part of what was not flushed survives. */
  readonly powerLoss: number;
  /** One flush fails; some of its sectors were written. */
  readonly flushFailure: number;
  /** The disk neither reads nor writes for a while. */
  readonly outage: number;
  /** Nothing more can be written for a while. */
  readonly diskFull: number;
  /** A stored bit turns over. */
  readonly bitRot: number;
  /** Others do much while one flush lasts. */
  readonly slowFlush: number;
  /** A shard moves to another lane. */
  readonly shardMove: number;
  /** Actors leave memory. */
  readonly eviction: number;
  /** Tenants are snapshotted. */
  readonly snapshot: number;
  /** Old journal records are dropped. */
  readonly trim: number;
  /** The wall clock is set forward. */
  readonly clockForward: number;
  /** The wall clock is set back; recorded time stands still meanwhile. */
  readonly clockBackward: number;
  /** A message between lanes or with the embedder comes twice, the second time late. */
  readonly duplicate: number;
  /** A message, and what is behind it, waits. */
  readonly delay: number;
}

/** Kinds that are planned as single events. */
export type FaultKind = Exclude<keyof FaultRates, 'duplicate' | 'delay'>;

/** One fault of a plan. */
export interface Fault {
  readonly kind: FaultKind;
  /** It strikes once so many operations were sent … */
  readonly afterOperations: number;
  /** … and so many more actions were done. */
  readonly afterActions: number;
  /** What it hits, how hard: drawn when the plan was made. */
  readonly draw: number;
}

const NONE: FaultRates = {
  laneDeath: 0,
  turnDeath: 0,
  poison: 0,
  crash: 0,
  upgrade: 0,
  powerLoss: 0,
  flushFailure: 0,
  outage: 0,
  diskFull: 0,
  bitRot: 0,
  slowFlush: 0,
  shardMove: 0,
  eviction: 0,
  snapshot: 0,
  trim: 0,
  clockForward: 0,
  clockBackward: 0,
  duplicate: 0,
  delay: 0,
};

/** Often enough that most runs of a hundred operations see several kinds, seldom enough that work gets done. */
const STANDARD: FaultRates = {
  laneDeath: 2,
  turnDeath: 2,
  poison: 0.6,
  crash: 2,
  upgrade: 0.5,
  powerLoss: 2.5,
  flushFailure: 1.2,
  outage: 0.8,
  diskFull: 0.6,
  bitRot: 0.1,
  slowFlush: 12,
  shardMove: 3,
  eviction: 12,
  snapshot: 8,
  trim: 1,
  clockForward: 1.5,
  clockBackward: 1,
  duplicate: 0.03,
  delay: 0.08,
};

/** Rates in full. `INVALID_ARGUMENT` names what is unknown or no rate. */
export function resolveRates(faults: 'none' | 'default' | Partial<FaultRates>): FaultRates {
  if (faults === 'none') return NONE;
  if (faults === 'default') return STANDARD;
  for (const [name, rate] of Object.entries(faults)) {
    const isRate = typeof rate === 'number' && rate >= 0 && rate <= 10_000;
    if (!Object.hasOwn(NONE, name) || !isRate) {
      throw new SynapseError('INVALID_ARGUMENT', `faults: '${name}' is no fault, or its rate no number of at least 0`, {
        option: `faults.${name}`,
      });
    }
  }
  return { ...NONE, ...faults };
}

/** Draws a plan for a run of so many operations. */
export function planFaults(rates: FaultRates, operations: number, chance: Chance): Fault[] {
  const faults: Fault[] = [];
  for (const kind of Object.keys(NONE) as (keyof FaultRates)[]) {
    if (kind === 'duplicate' || kind === 'delay') continue;
    const expected = (rates[kind] * operations) / 100;
    const count = Math.floor(expected) + (chance.happens(expected % 1) ? 1 : 0);
    for (let left = count; left > 0; left--) {
      faults.push({
        kind,
        afterOperations: chance.below(operations + 1),
        afterActions: chance.below(60),
        draw: chance.below(2 ** 32),
      });
    }
  }
  return faults.sort((a, b) => a.afterOperations - b.afterOperations || a.afterActions - b.afterActions);
}
