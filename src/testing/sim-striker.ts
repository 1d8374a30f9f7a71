/**
 * The hand that carries out a plan of faults, each when its time has come, and ends those that last.
 * When all operations are done it has no more to do: faults stop, and what still hangs, hangs for good.
 */
import type { SimulatedClock } from './sim-clock.ts';
import type { SimulatedDisk } from './sim-disk.ts';
import type { Fault } from './sim-fault.ts';
import type { SimulatedHost } from './sim-host.ts';
import type { SimulatedOperation } from './sim-operation.ts';
import type { Trace } from './sim-trace.ts';

export interface StrikerSetup {
  readonly host: SimulatedHost;
  readonly disk: SimulatedDisk;
  readonly clock: SimulatedClock;
  readonly faults: readonly Fault[];
  readonly operations: readonly SimulatedOperation[];
  readonly lethal: Set<string>;
  readonly trace: Trace;
}

/** Longest leap of the wall clock, ms: beyond the minute of a cron and most periods. */
const LEAP_MAX_MS = 90_000;

export class Striker {
  readonly #setup: StrikerSetup;
  readonly #waiting: Fault[];
  /** Action count from which on the waiting fault counts its actions. */
  #readyAt: number | undefined;
  #ending: { readonly atAction: number; readonly end: () => void }[] = [];
  #actionCount = 0;

  constructor(setup: StrikerSetup) {
    this.#setup = setup;
    this.#waiting = [...setup.faults];
    // Which inputs are lethal has to be known before they are sent.
    for (const { kind, draw } of setup.faults) if (kind === 'poison') this.#poison(draw);
  }

  get areOver(): boolean {
    return this.#waiting.length === 0 && this.#ending.length === 0;
  }

  #poison(draw: number): void {
    const { operations, lethal } = this.#setup;
    const keys = operations.flatMap(({ idempotencyKey }) => (idempotencyKey === undefined ? [] : [idempotencyKey]));
    const key = keys[draw % Math.max(1, keys.length)];
    if (key !== undefined) lethal.add(key);
  }

  /** Does what is due. */
  strike(operationCount: number, actionCount: number, areDone: boolean): void {
    this.#actionCount = actionCount;
    this.#endDue(areDone);
    if (areDone) this.#disarm();
    const next = this.#waiting[0];
    if (next === undefined) return;
    if (areDone) {
      this.#waiting.length = 0; // faults stop with the work
      return;
    }
    if (operationCount < next.afterOperations) return;
    this.#readyAt ??= actionCount;
    if (actionCount < this.#readyAt + next.afterActions) return;
    this.#readyAt = undefined;
    this.#waiting.shift();
    this.#setup.trace.note(`fault ${next.kind}`);
    this.#do(next);
  }

  /** Nothing else can happen: what waits for actions comes now. True when something did. */
  hurry(areDone: boolean): boolean {
    if (this.#ending.length > 0) {
      for (const { end } of this.#ending.splice(0)) end();
      return true;
    }
    const next = this.#waiting.shift();
    this.#readyAt = undefined;
    if (next === undefined || areDone) return false;
    this.#setup.trace.note(`fault ${next.kind}`);
    this.#do(next);
    return true;
  }

  #endDue(areDone: boolean): void {
    const due = this.#ending.filter(({ atAction }) => areDone || atAction <= this.#actionCount);
    if (due.length === 0) return;
    this.#ending = this.#ending.filter((one) => !due.includes(one));
    for (const { end } of due) end();
  }

  /** What was set up and has not happened yet, never will. */
  #disarm(): void {
    const { host } = this.#setup;
    host.nextFate = 'done';
    for (const lane of host.lanes) lane.turnsToLive = undefined;
  }

  #lasts(actions: number, end: () => void): void {
    this.#ending.push({ atAction: this.#actionCount + actions, end });
  }

  #do({ kind, draw }: Fault): void {
    const { host, disk, clock } = this.#setup;
    const lane = host.lanes[draw % host.lanes.length];
    switch (kind) {
      case 'laneDeath':
        if (lane !== undefined) host.killLane(lane.at);
        return;
      case 'turnDeath':
        if (lane !== undefined) lane.turnsToLive = 1 + ((draw >>> 8) % 3);
        return;
      case 'poison':
        return; // marked when the plan was taken
      case 'crash':
        host.crash();
        return;
      case 'upgrade':
        host.upgrade();
        return;
      case 'powerLoss':
        host.nextFate = 'power-lost';
        host.nextFlushActions = draw % 30;
        return;
      case 'flushFailure':
        host.nextFate = 'failed';
        host.nextFlushActions = draw % 30;
        return;
      case 'outage':
        disk.isBroken = true;
        this.#lasts(10 + (draw % 80), () => void (disk.isBroken = false));
        return;
      case 'diskFull':
        disk.isFull = true;
        this.#lasts(10 + (draw % 80), () => void (disk.isFull = false));
        return;
      case 'bitRot':
        disk.rot();
        return;
      case 'slowFlush':
        host.nextFlushActions = 5 + (draw % 60);
        return;
      case 'shardMove':
        host.startMove(draw % host.home.length, (draw >>> 8) % host.lanes.length);
        return;
      case 'eviction':
        lane?.host?.tick((draw >>> 8) % 3);
        return;
      case 'snapshot':
        lane?.host?.snapshotAll();
        return;
      case 'trim':
        host.trim(draw % 20);
        return;
      case 'clockForward':
        clock.shiftWall(1 + (draw % LEAP_MAX_MS));
        return;
      case 'clockBackward':
        clock.shiftWall(-(1 + (draw % LEAP_MAX_MS)));
    }
  }
}
