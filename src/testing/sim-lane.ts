/**
 * One lane of a simulated host: the lane as production runs it, and its rings to and from the store.
 * It can die between any two turns, or inside one; then its memory is gone, and what it had written to
 * the store's ring is not. A host in a simulation replaces it as the fleet of threads does.
 */
import type { KernelConfig, Registry } from '../actor/kernel-config.ts';
import { decodeExtension } from '../frame/extension.ts';
import { type Frame } from '../frame/frame.ts';
import { identityOf } from '../host/lane-frame.ts';
import type { LaneLimits, LanePorts } from '../host/lane-core.ts';
import { LaneHost } from '../host/lane-host.ts';
import type { TurnScope } from '../host/turn-scope.ts';

/** The lane died in the middle of a turn. */
class LaneDeath extends Error {}

export interface SimulatedLaneSetup {
  readonly at: number;
  readonly registry: Registry;
  readonly configs: ReadonlyMap<number, KernelConfig>;
  readonly configId: number;
  readonly limits: LaneLimits;
  readonly scope: TurnScope;
  readonly ports: Omit<LanePorts, 'toStore' | 'blame'>;
  readonly admit: (from: string, to: string, type: string, handler: string) => boolean;
  /** True for an input that kills each lane it runs in. */
  readonly isLethal: (idempotencyKey: string) => boolean;
}

export class SimulatedLane {
  readonly at: number;
  readonly #scope: TurnScope;
  readonly #isLethal: (idempotencyKey: string) => boolean;
  readonly #setup: SimulatedLaneSetup;
  /** Nothing between its death and its replacement. */
  host: LaneHost | undefined;
  readonly toStore: Uint8Array[] = [];
  /** Of the store to this incarnation of the lane. */
  answers: Uint8Array[] = [];
  mayRun = true;
  /** The input whose code runs, as the board of a lane's thread shows it. */
  #blamed: Frame | undefined;
  /** Turns until it dies inside one; none when it is not to. */
  turnsToLive: number | undefined = undefined;

  constructor(setup: SimulatedLaneSetup) {
    this.at = setup.at;
    this.#setup = setup;
    this.#scope = setup.scope;
    this.#isLethal = setup.isLethal;
    this.host = this.#newHost();
  }

  #newHost(): LaneHost {
    const { registry, configs, configId, limits, ports, admit } = this.#setup;
    // A host that has died may not speak any more: its ports ask whether it is still the one.
    const ifAlive = (act: () => void): void => {
      if (this.host === host || this.host === undefined) act();
    };
    const host: LaneHost = new LaneHost({
      registry,
      configs,
      configId,
      limits,
      ports: {
        nowMs: ports.nowMs,
        fillSeed: ports.fillSeed,
        toClient: (bytes) => ifAlive(() => ports.toClient(bytes.slice())),
        toShard: (shard, bytes) => ifAlive(() => ports.toShard(shard, bytes)),
        toStore: (bytes) => ifAlive(() => void this.toStore.push(bytes.slice())),
        blame: (frame) => void (this.#blamed = frame),
      },
      kernel: {
        drain: () => this.#drain(),
        takeUnhandled: () => this.#scope.takeUnhandled(),
        admit,
        log: () => undefined,
        enter: (turn) => this.#scope.enter(turn),
        leave: () => this.#scope.leave(),
      },
    });
    return host;
  }

  /** The end of each stretch of user code: the place where a lane dies inside a turn. */
  #drain(): void {
    this.#scope.drain();
    const blamed = this.#blamed;
    if (blamed === undefined) return; // a replay: what died there would be blamed on nobody
    if (this.turnsToLive !== undefined) {
      this.turnsToLive -= 1;
      if (this.turnsToLive <= 0) throw new LaneDeath('killed inside a turn');
    }
    const { idempotencyKey } = decodeExtension(blamed.extension);
    if (idempotencyKey !== undefined && this.#isLethal(idempotencyKey)) throw new LaneDeath('killed by its input');
  }

  /** Runs up to `budget` turns. Gives the identity of the input that it died under, if it died. */
  run(budget: number): string | undefined {
    try {
      this.mayRun = this.host?.run(budget) ?? false;
      return undefined;
    } catch (error) {
      if (!(error instanceof LaneDeath)) throw error;
      this.#scope.leave();
      this.#scope.takeUnhandled();
      const suspect = this.#blamed;
      return suspect === undefined ? '' : identityOf(suspect);
    }
  }

  /** The memory is gone. */
  die(): void {
    this.host = undefined;
    this.answers = [];
    this.#blamed = undefined;
    this.turnsToLive = undefined;
    this.mayRun = false;
  }

  /** A new lane takes the place of the dead one. */
  replace(): LaneHost {
    this.host = this.#newHost();
    this.mayRun = true;
    return this.host;
  }
}
