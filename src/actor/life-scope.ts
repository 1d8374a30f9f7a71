/**
 * What stands between a turn's code and the turn: the facts it may ask for, and the doors that are shut when its
 * life is over.
 */
import type { Address } from '../base/address.ts';
import type { ResolvedActor } from './definition.ts';
import type { ViewScope } from './state-view.ts';
import type { Turn } from './turn.ts';
import type { WriteLog } from './write-log.ts';

/** The facts that a context may ask of its domain. */
export interface DomainFacts {
  readonly tenant: string;
  readonly nowMs: number;
  readonly seq: number;
  definitionOf(type: string): ResolvedActor | undefined;
  /** Whether an actor exists, as of the last finished turn; `unknown` while it is not in memory. */
  existence(actorId: string): 'yes' | 'no' | 'unknown';
  log(actor: Address, level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> | undefined): void;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** The doors of a turn's present life: shut when it is over, and when the turn is thrown away and run anew. */
export class LifeScope implements ViewScope {
  readonly turn: Turn;
  readonly facts: DomainFacts;
  readonly #life: number;

  constructor(turn: Turn, facts: DomainFacts) {
    this.turn = turn;
    this.facts = facts;
    this.#life = turn.life;
  }

  get writes(): WriteLog | undefined {
    return this.turn.writes;
  }

  assertRunning(what: string): void {
    const { turn } = this;
    if (turn.phase !== 'running' || turn.life !== this.#life)
      throw turn.outOfReach(what, this.#life, this.facts.tenant);
  }

  isNewLine(): boolean {
    return this.turn.isNewLine();
  }
}
