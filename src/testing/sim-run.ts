/**
 * One run of a simulation: a host, its users and a plan of faults, moved on action by action until all is
 * done and quiet. The seed decides which action comes next; nothing else does. It ends with a proof by
 * death: the host is opened anew from its disk and must come to the roots it had.
 */
import type { Registry } from '../actor/kernel-config.ts';
import { SynapseError } from '../base/error.ts';
import { FRAME_KIND, FRAME_STATUS, type Frame, errorCodeOf } from '../frame/frame.ts';
import type { EffectStub } from '../host/effect-local.ts';
import type { Notice } from '../host/lane-frame.ts';
import type { TenantRoots } from '../host/moves.ts';
import { Chance } from './chance.ts';
import { checkAudit } from './check-audit.ts';
import { SimulatedClock } from './sim-clock.ts';
import { SimulatedDisk } from './sim-disk.ts';
import { type EffectAttempt, observedEffects } from './sim-effects.ts';
import type { Fault, FaultRates } from './sim-fault.ts';
import { SimulatedHost } from './sim-host.ts';
import type { Action, HostLimits } from './sim-host-setup.ts';
import { RunJournal } from './sim-journal.ts';
import { differenceOf } from './sim-move.ts';
import { SimulatedNetwork } from './sim-network.ts';
import type { FinalActor, SimulatedOperation, Violation } from './sim-operation.ts';
import { adoptHost, freezeHost } from './sim-roots.ts';
import { Striker } from './sim-striker.ts';
import { Trace } from './sim-trace.ts';
import { Users } from './sim-users.ts';

export interface RunSetup {
  readonly seed: number;
  /** With which the run begins, and from its upgrade on. */
  readonly firstRegistry: Registry;
  readonly registry: Registry;
  readonly limits: HostLimits;
  readonly admit: (from: string, to: string, type: string, handler: string) => boolean;
  readonly stubs: Readonly<Record<string, EffectStub>>;
  readonly rates: FaultRates;
  readonly operations: readonly SimulatedOperation[];
  readonly faults: readonly Fault[];
  /** The workload is the simulator's own: its books are judged too. */
  readonly judgesBooks: boolean;
}

/** Actions in the end, until a shard has told its roots: far more than there is left to do. */
const SETTLE_MAX = 20_000;

/** Actions of one run for each operation, beyond which it goes round in circles; and as many for none. */
const ACTIONS_MAX = 200; // a run that comes to rest does 11 on average and 16 at most

/**
 * Simulated time in which no user sends or hears anything, after which the run is over, ms: longer than the
 * longest thought, the deadline of a call to another tenant and all attempts at an effect together.
 */
const HORIZON_MS = 150_000;

/** Time-outs this far ahead belong to calls without an answer: they are no reason to go on. */
const FAR_MS: number = 2 ** 30;

/** A message to another tenant leaves its lane, the first time or again. */
export interface Departure {
  /** Sender, receiver and counter. */
  readonly name: string;
  readonly tenant: string;
  /** Durable steps of its sender by then. */
  readonly durableSeq: number;
}

export class SimulationRun {
  readonly setup: RunSetup;
  readonly trace: Trace = new Trace();
  readonly violations: Violation[] = [];
  readonly journal: RunJournal = new RunJournal((check, text) => this.report(check, text));
  readonly users: Users;
  readonly host: SimulatedHost;
  readonly clock: SimulatedClock = new SimulatedClock();
  readonly notices: Notice[] = [];
  /** All actors when all was quiet, as the journal says. */
  readonly actors: FinalActor[] = [];
  readonly effectAttempts: EffectAttempt[] = [];
  readonly departures: Departure[] = [];
  /** Roots at the end, by tenant. */
  roots: readonly TenantRoots[] = [];
  crashCount = 0;
  /** Failures of the store that a process lived through. */
  outageCount = 0;
  /** Of the last process that users spoke to. */
  lastIncarnation = 0;
  /** What the wall clock showed when all was quiet. */
  endMs = 0;
  readonly #chance: Chance;
  readonly #network: SimulatedNetwork;
  readonly #striker: Striker;
  #actionCount = 0;
  #lastTickMs = 0;

  constructor(setup: RunSetup) {
    this.setup = setup;
    const { seed, operations, rates, faults } = setup;
    const stream = (number: number): Chance => new Chance(seed, number);
    this.#chance = stream(1);
    const { duplicate, delay } = rates;
    // What protocols inside a host tolerate: an embedder's message is never sent twice by a ring, and a copy of one
    // that was refused would do what its caller was told had not happened.
    this.#network = new SimulatedNetwork(stream(4), ({ from }) => {
      if (this.#striker.areOver) return {};
      return from === 'client' ? { delay, delayTicks: 30 } : { duplicate, delay, delayTicks: 30 };
    });
    const lethal = new Set<string>();
    const disk = new SimulatedDisk(stream(3));
    this.users = new Users({
      operations,
      chance: stream(5),
      clock: this.clock,
      trace: this.trace,
      durableSeq: (tenant) => this.journal.seq(tenant),
    });
    this.host = new SimulatedHost({
      ...setup,
      chance: stream(2),
      clock: this.clock,
      disk,
      network: this.#network,
      trace: this.trace,
      lethal,
      mayRot: this.mayRot,
      recordsSnapshots: faults.some(({ kind }) => kind === 'trim'),
      stubs: observedEffects(setup.stubs, this.clock, stream(8), (attempt) => void this.effectAttempts.push(attempt)),
      onRelease: (to, frame) => this.#released(to, frame),
      onNotice: (notice) => void this.notices.push(notice),
      onDurable: (steps) => this.journal.note(steps),
      onStored: () => this.#stored(),
      onViolation: (check, text) => this.report(check, text),
      onCrash: () => void (this.crashCount += 1),
    });
    this.#striker = new Striker({
      host: this.host,
      disk,
      clock: this.clock,
      faults,
      operations,
      lethal,
      trace: this.trace,
    });
    this.host.whileFlushing = () => void this.#act(true);
  }

  get mayRot(): boolean {
    return this.setup.faults.some(({ kind }) => kind === 'bitRot');
  }

  report(check: string, text: string): void {
    this.violations.push({ check, text });
  }

  #stored(): void {
    if (this.host.storeHost.isDown) {
      this.outageCount += 1;
      return;
    }
    let count = 0;
    try {
      count = this.journal.readOn(this.host.store);
    } catch (error) {
      if (!(error instanceof SynapseError) || error.code !== 'STORE_UNAVAILABLE') throw error;
    }
    if (count > 0)
      this.trace.note(`durable ${this.journal.tenants.map((tenant) => this.journal.seq(tenant)).join(' ')}`);
  }

  /** A frame leaves a lane: what it tells must be durable by now. */
  #released(to: string, frame: Frame): void {
    const { kind, source, target, messageId } = frame;
    if (source !== undefined && (kind === FRAME_KIND.call || kind === FRAME_KIND.tell)) {
      const name = `${source.tenant} ${target.tenant} ${messageId}`;
      this.departures.push({ name, tenant: source.tenant, durableSeq: this.journal.seq(source.tenant) });
    }
    if (to !== 'client' || frame.kind !== FRAME_KIND.reply) return;
    const attempt = this.users.attemptOf(frame.incarnation, frame.correlation);
    if (attempt === undefined) return;
    const operation = this.setup.operations[attempt.operation] as SimulatedOperation;
    const { tenant, type, handler, idempotencyKey } = operation;
    attempt.releasedSeq = Math.max(attempt.releasedSeq ?? 0, this.journal.seq(tenant));
    const code = frame.flags === FRAME_STATUS.ok ? 'ok' : errorCodeOf(frame.payload);
    if (code === 'STORE_CORRUPT') this.#corrupt(tenant);
    const isCommand = this.setup.registry.newest(type)?.commands.has(handler) === true;
    if (!isCommand) return;
    if (NEVER_TAKEN_IN.has(code)) return;
    if (this.journal.damaged.has(tenant) || this.journal.has(tenant, '', frame.incarnation, frame.correlation)) return;
    if (idempotencyKey !== undefined && this.journal.hasKey(tenant, idempotencyKey)) return;
    this.report('durable', `the answer to operation ${attempt.operation} (${code}) left before its step was durable`);
  }

  #corrupt(tenant: string): void {
    this.journal.damaged.set(tenant, 'a call was answered so');
    if (!this.mayRot) this.report('durable', `tenant ${tenant} is corrupt though nothing rotted`);
  }

  /** Runs to the end. Gives the roots that the host has then. Synchronous, within one macrotask. */
  run(): void {
    const most = ACTIONS_MAX * (this.setup.operations.length + 10);
    while (this.#act(false)) {
      if (this.#actionCount < most) continue;
      this.report('progress', `the host does not come to rest: ${most} actions were done`);
      break;
    }
    this.lastIncarnation = this.host.incarnation;
    this.endMs = this.clock.wallMs;
    for (const [at, operation] of this.#unanswered()) {
      this.report('progress', `operation ${at} (${operation.handler}) has no answer though all is quiet`);
    }
    if (this.violations.length > 0) return;
    this.#proveByDeath();
    this.journal.compare(this.host.store);
    checkAudit(this.host.store, this.journal, new Chance(this.setup.seed, 9), (text) => this.report('audit', text));
  }

  #unanswered(): readonly [number, SimulatedOperation][] {
    return this.users.attempts.flatMap(({ answer, operation: at, incarnation }): [number, SimulatedOperation][] => {
      const operation = this.setup.operations[at] as SimulatedOperation;
      const isOpen = answer === undefined && operation.tell !== true && incarnation === this.host.incarnation;
      // What was under way in a tenant that cannot be served any more ends by its time-out.
      return isOpen && !this.#isDamaged(operation.tenant) ? [[at, operation]] : [];
    });
  }

  /** What rotted may have been met by a turn in the middle of its step, and then nobody is told of it. */
  #isDamaged(tenant: string): boolean {
    const { damaged } = this.journal;
    if (damaged.has(tenant) || !this.mayRot) return damaged.has(tenant);
    try {
      this.host.store.verify(tenant);
    } catch (error) {
      if (!(error instanceof SynapseError) || error.code !== 'STORE_CORRUPT') throw error;
      damaged.set(tenant, error.message);
    }
    return damaged.has(tenant);
  }

  /** One action; false when nothing is left to do. */
  #act(whileFlushing: boolean): boolean {
    if (!whileFlushing) this.#striker.strike(this.users.issuedCount, this.#actionCount, this.users.areDone);
    const actions: Action[] = this.host
      .actions((count) => this.#chance.below(count))
      .filter(({ isStore }) => !whileFlushing || !isStore);
    for (const user of this.users.ready()) {
      actions.push({
        name: `user ${user}`,
        isStore: false,
        act: () => this.users.send(user, this.host.client, this.host.incarnation),
      });
    }
    this.#network.pass();
    if (actions.length === 0) return !whileFlushing && this.#waitOn();
    this.#actionCount += 1;
    if (this.#chance.happens(0.04)) this.#pass(1 + this.#chance.below(20));
    const action = actions[this.#chance.below(actions.length)] as Action;
    this.trace.note(action.name);
    action.act();
    return true;
  }

  /** Nothing can happen now: something on its way arrives, a fault ends, or time goes on to what is due next. */
  #waitOn(): boolean {
    this.#actionCount += 1;
    if (this.#network.isBusy) return true;
    if (this.#striker.hurry(this.users.areDone)) return true;
    const { steady } = this.clock;
    const lanesMs = Math.min(...this.host.lanes.map(({ host }) => host?.nextDueMs ?? Number.POSITIVE_INFINITY));
    const dueMs = Math.min(steady.nextDueMs, this.users.nextDueMs, lanesMs - this.clock.wallMs + steady.nowMs);
    const isThinking = Number.isFinite(this.users.nextDueMs);
    if (dueMs > steady.nowMs + FAR_MS || (!isThinking && dueMs > this.users.lastMs + HORIZON_MS)) return false;
    this.#pass(Math.max(1, dueMs - steady.nowMs));
    return true;
  }

  #pass(ms: number): void {
    this.trace.note(`${ms} ms`);
    this.clock.pass(ms);
    this.host.scope.drain();
    for (const lane of this.host.lanes) {
      if ((lane.host?.nextDueMs ?? Number.POSITIVE_INFINITY) <= this.clock.wallMs) lane.mayRun = true;
    }
    if (this.clock.steady.nowMs - this.#lastTickMs < 1_000) return;
    this.#lastTickMs = this.clock.steady.nowMs;
    for (const lane of this.host.lanes) {
      lane.host?.tick();
      lane.mayRun = lane.host !== undefined;
    }
  }

  /** The roots as they are in memory, and as another process reads them back from the disk. */
  #proveByDeath(): void {
    const settle = (isOver: () => boolean): void => this.#settle(isOver);
    const onFault = (check: string, text: string): void => this.report(check, text);
    const before = freezeHost(this.host, settle, onFault);
    this.host.crash(true);
    const after = adoptHost(this.host, settle, onFault);
    const difference = differenceOf(before, after, this.mayRot);
    if (difference !== undefined) this.report('replica', difference);
    for (const { tenant } of before)
      if (!after.some((one) => one.tenant === tenant)) this.journal.damaged.set(tenant, 'gone');
    for (const { tenant, fault } of after) if (fault !== undefined) this.journal.damaged.set(tenant, fault);
    this.roots = after;
  }

  /** Lets things happen until `isOver`, or nothing can. */
  #settle(isOver: () => boolean): void {
    for (let left = SETTLE_MAX; left > 0 && !isOver(); left--) {
      const actions = this.host.actions((count) => this.#chance.below(count));
      this.#network.pass();
      const action = actions[this.#chance.below(actions.length)];
      if (action === undefined && !this.#network.isBusy) return;
      action?.act();
    }
  }
}

/** Answers to what was never taken in: nothing of them is in the journal. */
const NEVER_TAKEN_IN: ReadonlySet<string> = new Set([
  'UNKNOWN_ACTOR',
  'UNKNOWN_HANDLER',
  'MAILBOX_FULL',
  'SUSPENDED',
  'INVALID_ARGUMENT',
  'STORE_UNAVAILABLE',
  'STORE_CORRUPT',
  'DIVERGED',
]);
