/**
 * One host in a simulation: the real client, lanes, store and recovery, joined by queues that lie in
 * the open. It does nothing by itself: `actions` says what could happen next, and whoever holds the
 * schedule picks. All of it dies in a crash, but for its disk.
 *
 *   users ─▶ Client ─▶ network ─▶ lanes ─▶ ring ─▶ StoreHost ─▶ Store ─▶ disk
 *              ▲          │         ▲                 │  and replies by the network
 *              └──────────┘         └──── answers ◀───┘
 * While the store flushes, the others go on: what they do then is done inside `onFlush`.
 */
import { cancelledEffect, effectParts, requestedEffect } from '../host/effect-frame.ts';
import { type KernelConfig, type Registry, encodeConfig } from '../actor/kernel-config.ts';
import { SynapseError } from '../base/error.ts';
import { decodeValue } from '../frame/codec.ts';
import { FRAME_KIND, Frame } from '../frame/frame.ts';
import { Client } from '../host/client.ts';
import { LocalEffects } from '../host/effect-local.ts';
import type { Notice } from '../host/lane-frame.ts';
import { StoreHost } from '../store/store-host.ts';
import { Store } from '../store/store.ts';
import { type Action, type HostSetup, NEVER_BY_SIZE, RANGE_ROWS } from './sim-host-setup.ts';
import { type FlushFate, PowerLoss } from './sim-disk.ts';
import { SimulatedLane } from './sim-lane.ts';
import { SimulatedMove } from './sim-move.ts';
import { LEDGER_LIMITS, listedTenants, trimStore, watchCommits } from './sim-store.ts';
import { frameText, requestText } from './sim-trace.ts';
import { configsOf } from './store-configs.ts';
import { TurnScope } from '../host/turn-scope.ts';

const CLIENT = 'client';
const STORE = 'store';

export class SimulatedHost {
  readonly #setup: HostSetup;
  readonly client: Client;
  readonly scope: TurnScope = new TurnScope();
  store!: Store;
  storeHost!: StoreHost;
  lanes: SimulatedLane[] = [];
  /** Lane by shard. */
  readonly home: number[];
  /** Shards on their way: frames for them go nowhere. */
  readonly moving: Set<number> = new Set();
  move: SimulatedMove | undefined;
  effects!: LocalEffects;
  incarnation: number;
  /** What the next flush comes to. */
  nextFate: FlushFate = 'done';
  /** Actions of others while the next flush lasts. */
  nextFlushActions = 0;
  /** Does one action of anybody but the store. */
  whileFlushing: () => void = () => undefined;
  #mayFlush = false;
  #hasLostPower = false;
  #registry: Registry;
  readonly #suspects: Map<string, number> = new Map();

  constructor(setup: HostSetup) {
    this.#setup = setup;
    this.#registry = setup.firstRegistry;
    const { limits, clock, disk } = setup;
    this.home = Array.from({ length: limits.shards }, (_, shard) => shard % limits.lanes);
    this.incarnation = this.#drawIncarnation();
    this.client = new Client(
      // A call that ends by its time-out alone is a hang, and is to be seen as one.
      { ...limits, callTimeoutMs: 2 ** 31 - 1, maxInFlight: 100_000, maxInFlightBytes: 2 ** 30 },
      {
        nowMs: () => clock.wallMs,
        toShard: (shard, bytes) => this.#toLane(CLIENT, shard, bytes),
        after: (ms, callback) => clock.steady.after(ms, callback),
      },
      this.incarnation,
    );
    disk.onFlush = () => this.#flushing();
    this.#open(false);
  }

  #drawIncarnation(): number {
    return 1 + this.#setup.chance.below(2 ** 40);
  }

  #flushing(): FlushFate {
    const fate = this.nextFate;
    this.nextFate = 'done';
    for (let left = this.nextFlushActions; left > 0; left--) this.whileFlushing();
    this.nextFlushActions = 0;
    if (fate === 'power-lost') this.#hasLostPower = true;
    return fate;
  }

  #toLane(from: string, shard: number, bytes: Uint8Array): void {
    const lane = this.lanes[this.home[shard] ?? 0];
    // To a lane that is down, or a shard on its way, nothing can be sent: it is sent again afterwards.
    if (this.moving.has(shard) || lane?.host === undefined) return;
    this.#setup.network.send(from, nameOf(lane.at), bytes);
  }

  #open(isHeld: boolean): void {
    const { limits, clock, disk } = this.#setup;
    const { shards } = limits;
    const ports = { now: () => clock.wallMs, draw: () => this.#drawIncarnation() };
    this.store = Store.open({ driver: disk, shards, rangeRows: RANGE_ROWS, ledgerLimits: LEDGER_LIMITS, ...ports });
    watchCommits(this.store, this.#setup.onDurable);
    const toClient = (bytes: Uint8Array): void => this.#toClient(STORE, bytes);
    this.storeHost = new StoreHost(this.store, { toClient, onEvent: () => undefined });
    const config: KernelConfig = {
      types: this.#registry.versions(),
      callTimeoutMs: limits.callTimeoutMs,
      maxTurnsPerInput: limits.maxTurnsPerInput,
      dedupTermMs: limits.idempotencyTermMs,
      dedupLimit: limits.idempotencyLimit,
      incarnation: this.store.incarnation,
    };
    const configId = this.store.internConfig(encodeConfig(config));
    this.lanes = Array.from({ length: limits.lanes }, (_, at) => this.#newLane(at, configId));
    for (const lane of this.lanes) this.#attach(lane);
    this.effects = this.#newEffects();
    if (isHeld) return;
    for (const lane of this.lanes) lane.host?.own(this.shardsOf(lane.at), new Map());
  }

  #newLane(at: number, configId: number): SimulatedLane {
    const { limits, clock, chance, admit, lethal } = this.#setup;
    const { shards, maxActiveActors, snapshotEverySteps } = limits;
    const name = nameOf(at);
    return new SimulatedLane({
      at,
      registry: this.#registry,
      configs: configsOf(this.store, configId),
      configId,
      limits: {
        shards,
        maxActiveActors,
        snapshotEverySteps,
        ...NEVER_BY_SIZE,
        snapshotPartBytes: limits.snapshotPartBytes,
        recordsSnapshots: this.#setup.recordsSnapshots,
      },
      scope: this.scope,
      admit,
      isLethal: (key) => lethal.has(key),
      ports: {
        nowMs: () => clock.wallMs,
        fillSeed: (bytes) => chance.fill(bytes),
        toClient: (bytes) => this.#toClient(name, bytes),
        toShard: (shard, bytes) => {
          this.#setup.onRelease('lane', new Frame(bytes));
          this.#toLane(name, shard, bytes);
        },
      },
    });
  }

  #toClient(name: string, bytes: Uint8Array): void {
    this.#setup.onRelease(CLIENT, new Frame(bytes));
    this.#setup.network.send(name, CLIENT, bytes);
  }

  #newEffects(): LocalEffects {
    const { stubs, clock } = this.#setup;
    const effects: LocalEffects = new LocalEffects({
      registry: this.#registry,
      stubs,
      timers: { after: (ms, callback) => clock.steady.after(ms, callback) },
      onOutcome: (id, outcome) => {
        if (this.effects !== effects) return; // of a process that has died
        const [tenant, effectId] = effectParts(id);
        const payload = outcome.ok ? outcome.value : outcome.error;
        this.client.deliver('effectResult', tenant, effectId, outcome.ok, payload).catch(() => undefined);
      },
    });
    return effects;
  }

  /** Answers of the store go to this incarnation of the lane; what it has for an earlier one is lost. */
  #attach(lane: SimulatedLane): void {
    const { answers } = lane;
    this.storeHost.attach(lane.at, (bytes) => void answers.push(bytes));
  }

  shardsOf(lane: number): number[] {
    return this.home.flatMap((home, shard) => (home === lane ? [shard] : []));
  }

  /** Everything that can happen next, in a fixed order. `pick` draws how much of a queue moves. */
  actions(pick: (count: number) => number): Action[] {
    const actions: Action[] = [];
    const add = (name: string, isStore: boolean, act: () => void): void => void actions.push({ name, isStore, act });
    for (const link of this.#setup.network.ready()) add(`${link.from} > ${link.to}`, false, () => this.#arrive(link));
    for (const lane of this.lanes) {
      const { at, host } = lane;
      if (host === undefined) add(`replace ${at}`, true, () => this.#replace(lane));
      else if (lane.mayRun) add(`run ${at}`, false, () => this.#run(lane, 1 + pick(8)));
      if (lane.answers.length > 0 && host !== undefined)
        add(`answer ${at}`, false, () => this.#answer(lane, 1 + pick(3)));
      if (lane.toStore.length > 0) add(`store ${at}`, true, () => this.#gather(lane, 1 + pick(6)));
    }
    if (this.#mayFlush) add('flush', true, () => this.#flush());
    if (this.storeHost.isDown && !this.#setup.disk.isBroken && !this.#setup.disk.isFull)
      add('recover', true, () => this.#recover());
    return actions;
  }

  #arrive(link: { from: string; to: string }): void {
    const bytes = this.#setup.network.receive(link);
    if (bytes === undefined) return;
    if (link.to === CLIENT) {
      this.#fromLane(new Frame(bytes));
      return;
    }
    const lane = this.lanes[Number(link.to.slice(LANE.length))];
    if (lane === undefined) return;
    lane.host?.receive(bytes);
    lane.mayRun = true;
  }

  #fromLane(frame: Frame): void {
    this.#setup.trace.note(`got ${frameText(frame)}`);
    if (this.client.receive(frame)) this.scope.drain();
    else if (frame.kind === FRAME_KIND.effect) {
      this.effects.start(requestedEffect(frame));
      this.scope.drain();
    } else if (frame.kind === FRAME_KIND.cancel) this.effects.cancel(cancelledEffect(frame));
    else this.#takeNotice(decodeValue(frame.payload) as Notice);
  }

  #takeNotice(notice: Notice): void {
    if (notice.kind === 'resend') this.client.resend((shard) => notice.shards.includes(shard));
    else if (notice.kind === 'cleared') this.#suspects.delete(notice.identity);
    this.#setup.onNotice(notice);
  }

  #run(lane: SimulatedLane, budget: number): void {
    const suspect = lane.run(budget);
    if (suspect === undefined) return;
    if (suspect !== '') this.#suspects.set(suspect, (this.#suspects.get(suspect) ?? 0) + 1);
    this.killLane(lane.at);
  }

  #answer(lane: SimulatedLane, count: number): void {
    for (const bytes of lane.answers.splice(0, count)) lane.host?.answer(bytes);
    lane.mayRun = true;
    this.scope.drain(); // a move waits for roots
  }

  /** The store's thread at work. A loss of power inside it ends the process. */
  #inStore(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof PowerLoss)) throw error;
    }
    if (this.#hasLostPower) {
      this.crash();
      return;
    }
    this.#setup.onStored();
  }

  #gather(lane: SimulatedLane, count: number): void {
    this.#inStore(() => {
      for (const bytes of lane.toStore.splice(0, count)) {
        this.#setup.trace.note(requestText(bytes));
        if (this.#hasLostPower) return;
        this.storeHost.receive(lane.at, bytes);
      }
    });
    this.#mayFlush = true;
  }

  #flush(): void {
    this.#mayFlush = false;
    this.#inStore(() => void this.storeHost.work());
    this.#mayFlush = this.storeHost.isBusy;
  }

  #recover(): void {
    this.#inStore(() => void this.storeHost.recover());
  }

  /** A lane loses its memory. What it had sent is on its way; what was sent to it is lost. */
  killLane(at: number): void {
    const lane = this.lanes[at];
    if (lane?.host === undefined) return;
    this.#setup.trace.note(`lane ${at} dies`);
    lane.die();
    this.#setup.network.cut(nameOf(at), false);
    this.#hearOut(at);
  }

  /** What a lane has told the embedder is read before anything is sent again for it, as the fleet does. */
  #hearOut(at: number): void {
    for (const bytes of this.#setup.network.drain(nameOf(at), CLIENT)) this.#fromLane(new Frame(bytes));
  }

  #replace(lane: SimulatedLane): void {
    this.#inStore(() => {
      // What the dead lane had sent counts: it may be acknowledged by nobody, but it happened.
      for (const bytes of lane.toStore.splice(0)) this.storeHost.receive(lane.at, bytes);
      lane.answers = [];
      this.#attach(lane);
    });
    if (this.lanes[lane.at] !== lane) return; // power was lost meanwhile
    lane.replace().own(this.shardsOf(lane.at), new Map(this.#suspects));
    if (this.move?.involves(lane.at) === true) this.move.abort();
    this.#resendAll();
    this.client.resend((shard) => this.home[shard] === lane.at);
  }

  #resendAll(): void {
    for (const lane of this.lanes) {
      lane.host?.resendAll();
      lane.mayRun = true;
    }
  }

  /** Starts to move a shard, unless a move is under way or a lane is down. */
  startMove(shard: number, target: number): void {
    const source = this.home[shard] ?? 0;
    const from = this.lanes[source];
    const to = this.lanes[target];
    if (this.move !== undefined || source === target || from?.host === undefined || to?.host === undefined) return;
    if (this.storeHost.isDown) return;
    this.#setup.trace.note(`move ${shard} from ${source} to ${target}`);
    this.move = new SimulatedMove({
      shard,
      from,
      to,
      mayRot: this.#setup.mayRot,
      tenants: () => listedTenants(this.store, shard),
      onEnd: (hasMoved, difference) => {
        if (difference !== undefined) this.#setup.onViolation('replica', difference);
        this.#setup.trace.note(`move ${shard} ${hasMoved ? 'done' : 'given up'}`);
        this.home[shard] = hasMoved ? target : source;
        this.moving.delete(shard);
        this.move = undefined;
        (hasMoved ? from : to).host?.moves.drop(shard);
        (hasMoved ? to : from).host?.moves.keep(shard);
        this.#hearOut(from.at);
        this.client.unhold(shard);
        this.#resendAll();
      },
    });
    this.moving.add(shard);
    this.client.hold(shard);
    this.move.start();
    this.scope.drain();
  }

  /** Drops old journal records, as the host's chore does; if that fails, whoever commits next finds the store failed. */
  trim(keepSteps: number): void {
    if (!this.storeHost.isDown) this.#inStore(() => trimStore(this.store, keepSteps));
  }

  /** Another process with the newer actors takes over. */
  upgrade(): void {
    this.#registry = this.#setup.registry;
    this.crash();
  }

  /**
   * The process dies; another one opens what is on the disk. Users hear of it through their calls. `isHeld`: the
   * new one takes nothing over by itself, see `adopt`.
   */
  crash(isHeld = false): void {
    const { network, trace, disk } = this.#setup;
    trace.note('crash');
    const error = new SynapseError('CLOSED', 'the process died');
    this.client.close(error);
    this.client.abandon(error);
    for (const shard of this.moving) this.client.unhold(shard);
    this.scope.drain();
    for (const lane of this.lanes) lane.die();
    network.clear();
    this.moving.clear();
    this.move = undefined;
    this.#mayFlush = false;
    this.#hasLostPower = false;
    this.nextFate = 'done';
    this.nextFlushActions = 0;
    this.#suspects.clear();
    disk.isBroken = false;
    disk.isFull = false;
    disk.reopen();
    this.incarnation = this.#drawIncarnation();
    this.client.reopen(this.incarnation);
    this.#open(isHeld);
    this.#setup.onCrash();
    this.#setup.onStored();
  }
}

const LANE = 'lane ';

function nameOf(lane: number): string {
  return `${LANE}${lane}`;
}
