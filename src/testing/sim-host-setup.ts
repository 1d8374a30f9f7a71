/**
 * What a simulated host is made of, and what can happen in it: the parts that outlive its process come from
 * outside, and those who watch it are told here.
 */
import type { Registry } from '../actor/kernel-config.ts';
import type { Frame } from '../frame/frame.ts';
import type { EffectStub } from '../host/effect-local.ts';
import type { Notice } from '../host/lane-frame.ts';
import type { StepRecord } from '../store/store.ts';
import type { Chance } from './chance.ts';
import type { SimulatedClock } from './sim-clock.ts';
import type { SimulatedDisk } from './sim-disk.ts';
import type { SimulatedNetwork } from './sim-network.ts';
import type { Trace } from './sim-trace.ts';

/** The limits of a simulated host; as the options of the same names. */
export interface HostLimits {
  readonly lanes: number;
  readonly shards: number;
  readonly callTimeoutMs: number;
  readonly maxTurnsPerInput: number;
  readonly idempotencyTermMs: number;
  readonly idempotencyLimit: number;
  readonly maxActiveActors: number;
  readonly snapshotEverySteps: number;
  /** As of a lane's limits. */
  readonly snapshotPartBytes: number;
}

export interface HostSetup {
  /** With which the host begins, and from its upgrade on. */
  readonly firstRegistry: Registry;
  readonly registry: Registry;
  readonly limits: HostLimits;
  readonly admit: (from: string, to: string, type: string, handler: string) => boolean;
  readonly stubs: Readonly<Record<string, EffectStub>>;
  readonly chance: Chance;
  readonly clock: SimulatedClock;
  readonly disk: SimulatedDisk;
  readonly network: SimulatedNetwork;
  readonly trace: Trace;
  /** As of a lane's limits: where old records may be dropped. */
  readonly recordsSnapshots: boolean;
  /** Stored bits may turn over. */
  readonly mayRot: boolean;
  /** Idempotency keys of inputs that kill their lane. */
  readonly lethal: ReadonlySet<string>;
  /** A frame leaves a lane. */
  readonly onRelease: (to: string, frame: Frame) => void;
  readonly onNotice: (notice: Notice) => void;
  /** The store has committed these steps. */
  readonly onDurable: (steps: readonly StepRecord[]) => void;
  /** The store's thread has worked. */
  readonly onStored: () => void;
  readonly onViolation: (check: string, text: string) => void;
  /** The process has died, and another one runs. */
  readonly onCrash: () => void;
}

/** Something that can happen next. */
export interface Action {
  readonly name: string;
  /** The store's thread alone does it: nobody may while the store flushes. */
  readonly isStore: boolean;
  readonly act: () => void;
}

/** Keys are remembered longer than any run lasts, all of them: a repeat never happens a second time. */
export function isOnceForAll({ idempotencyTermMs, idempotencyLimit }: HostLimits): boolean {
  return idempotencyTermMs > 3_600_000 && idempotencyLimit > 1_000;
}

/** Snapshots are due by their number of steps alone, and go in one piece. */
export const NEVER_BY_SIZE = { snapshotEveryBytes: 2 ** 40, snapshotEveryRows: 2 ** 40, snapshotPartBytes: 2 ** 40 };

/** Rows of a snapshot in parts that one commit puts in place: so few that it takes several. */
export const RANGE_ROWS = 8;
