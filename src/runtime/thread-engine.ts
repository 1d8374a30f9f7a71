/**
 * The engine of `createSystem`: lanes, store and effects in threads of their own, put together. It
 * starts them in the order of their needs and ends them in the reverse.
 */
import { randomInt } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import cron, { type ScheduledTask } from 'node-cron';
import type { AuditAnswer, AuditRequest } from '../actor/audit-port.ts';
import { encodeConfig } from '../actor/kernel-config.ts';
import { shardOf } from '../base/address.ts';
import { SynapseError } from '../base/error.ts';
import { decodeValue } from '../frame/codec.ts';
import { FRAME_KIND, Frame } from '../frame/frame.ts';
import { Client } from '../host/client.ts';
import type { Notice } from '../host/lane-frame.ts';
import { checkSes } from '../host/lockdown.ts';
import { namesOf, tenantStatuses } from '../host/census.ts';
import { loadRegistry } from '../host/modules.ts';
import type { ResolvedOptions } from '../host/options.ts';
import type { Engine, LaneStats, StoredTopicEvent, System, SystemStats, TenantStatus } from '../host/system-face.ts';
import { EffectDesk } from './effect-desk.ts';
import { LaneFleet } from './lane-fleet.ts';
import { StoreThread } from './store-thread.ts';
import { Watchdog } from './watchdog.ts';
import { Timetable } from './timetable.ts';

/** When the journal is trimmed, where the retention lets it: once a minute, off the full minute's rush. */
const TRIM_CRON = '7 * * * * *';

export class ThreadEngine implements Engine {
  readonly client: Client;
  face: System | undefined = undefined;
  readonly #options: ResolvedOptions;
  readonly #store: StoreThread;
  readonly #fleet: LaneFleet;
  readonly #effects: EffectDesk;
  readonly #watchdog: Watchdog;
  readonly #timetable: Timetable = new Timetable();
  readonly #chore: ScheduledTask | undefined;
  #rates: readonly number[] = [];
  #lastEvents: readonly number[] = [];
  readonly #rateTimer: NodeJS.Timeout;

  /** Opens everything. Whatever fails, nothing of it is left behind. */
  static async open(options: ResolvedOptions): Promise<ThreadEngine> {
    checkDirectory(options.dataDir);
    let engine: ThreadEngine | undefined;
    const store = new StoreThread(
      options,
      (topics) => {
        for (const [tenant, topic] of topics) engine?.face?.noteEvent(tenant, topic);
      },
      (bytes) => {
        if (engine !== undefined) engine.#onFrame(bytes);
      },
      (reason) => {
        if (engine !== undefined)
          engine.#fail(new SynapseError('STORE_UNAVAILABLE', `the store's thread died: ${reason}`));
      },
    );
    // Threads start side by side: the store's now, the lanes' once it is known how, and both load while the other does.
    try {
      const registry = await loadRegistry(options.actors, options.previous, 'read');
      if (registry.isHardened) checkSes();
      const config = encodeConfig({
        types: registry.versions(),
        callTimeoutMs: options.callTimeoutMs,
        maxTurnsPerInput: options.maxTurnsPerInput,
        dedupTermMs: options.idempotencyTermMs,
        dedupLimit: options.idempotencyLimit,
        incarnation: 0, // the store puts its own here
        ...(options.strict ? { strict: true as const } : {}),
      });
      engine = new ThreadEngine(options, store, registry.isHardened);
      await engine.#fleet.start(options.lanes, store.open(config));
      return engine;
    } catch (error) {
      if (engine === undefined) await store.stop();
      else await engine.#stop();
      throw error;
    }
  }

  private constructor(options: ResolvedOptions, store: StoreThread, isHardened: boolean) {
    this.#options = options;
    this.#store = store;
    const { shards, lanes } = options;
    const routes = new SharedArrayBuffer(shards * 4);
    new Int32Array(routes).forEach((_zero, shard, table) => {
      table[shard] = shard % lanes;
    });
    this.client = new Client(
      options,
      {
        nowMs: Date.now,
        toShard: (shard, bytes) => this.#fleet.send(shard, bytes),
        after: (ms, callback) => this.#timetable.after(ms, callback),
      },
      randomInt(1, 2 ** 48 - 1), // tells this process's calls from those of any other
    );
    const { actors, previous, grants, snapshotEverySteps, snapshotEveryBytes, maxActiveActors, laneHeapMb } = options;
    this.#fleet = new LaneFleet(
      {
        actors,
        previous,
        isHardened,
        isStrict: options.strict,
        grants,
        shards,
        snapshotEverySteps,
        snapshotEveryBytes,
        maxActiveActors,
        recordsSnapshots: options.retention !== 'all',
        routes,
        heapMb: laneHeapMb,
        bufferMb: options.bufferMb,
      },
      {
        store,
        onFrame: (bytes) => this.#onFrame(bytes),
        onDeath: (lane, reason) => {
          this.face?.noteSupervision({
            event: 'lane-died',
            tenant: undefined,
            address: undefined,
            lane,
            reason,
            untilMs: undefined,
          });
        },
        onReplaced: (isOfLane) => this.client.resend(isOfLane),
        onFatal: (error) => this.#fail(error),
      },
    );
    this.#effects = new EffectDesk({ actors, previous, threads: options.effectThreads, client: this.client });
    this.#watchdog = new Watchdog(() => this.#fleet.threads, options.turnTimeoutMs, laneHeapMb + options.bufferMb);
    this.#rateTimer = setInterval(() => this.#measureRates(), 1_000);
    this.#rateTimer.unref();
    const { retention } = options;
    if (retention !== 'all') {
      this.#chore = cron.schedule(TRIM_CRON, async () => {
        await store.trim(retention).catch(() => undefined); // unavailable: the next minute tries again
      });
    }
  }

  /** Nothing can run any more: everybody who waits hears why. */
  #fail(error: SynapseError): void {
    this.client.close(error);
    this.client.abandon(error);
  }

  #onFrame(bytes: Uint8Array): void {
    const frame = new Frame(bytes);
    if (this.client.receive(frame)) return;
    if (frame.kind === FRAME_KIND.effect) this.#effects.start(frame);
    else if (frame.kind === FRAME_KIND.cancel) this.#effects.cancel(frame);
    else this.#onNotice(decodeValue(frame.payload) as Notice);
  }

  #onNotice(notice: Notice): void {
    if (notice.kind === 'cleared') this.#fleet.clear(notice.identity);
    else if (notice.kind === 'resend') this.client.resend((shard) => notice.shards.includes(shard));
    else this.face?.noteNotice(notice);
  }

  #measureRates(): void {
    const events = Array.from(
      { length: this.#fleet.size },
      (_, lane) => this.#fleet.boardOf(lane)?.figures.events ?? 0,
    );
    this.#rates = events.map((count, lane) => Math.max(0, count - (this.#lastEvents[lane] ?? 0)));
    this.#lastEvents = events;
  }

  figures(): Omit<SystemStats, 'deadLetters' | 'inFlight'> {
    let repeats = 0;
    const lanes: LaneStats[] = [];
    for (let lane = 0; lane < this.#fleet.size; lane++) {
      const figures = this.#fleet.boardOf(lane)?.figures;
      if (figures === undefined) continue;
      repeats += figures.repeats;
      const { mailboxDepth, turns, restarts, tenants, actors } = figures;
      lanes.push({
        lane,
        mailboxDepth,
        turns,
        restarts,
        eventsPerSecond: this.#rates[lane] ?? 0,
        tenants,
        actors,
        deaths: this.#fleet.deathsOf(lane),
      });
    }
    return { lanes, durableWatermark: this.#store.durableWatermark, repeats };
  }

  async snapshot(): Promise<void> {
    await Promise.all(this.#fleet.threads.map((thread) => thread.snapshot()));
  }

  async tenants(): Promise<TenantStatus[]> {
    const counted = (await Promise.all(this.#fleet.threads.map((thread) => thread.census()))).flat();
    return tenantStatuses(counted, await this.#store.tenants(namesOf(counted)));
  }

  audit(request: AuditRequest): Promise<AuditAnswer> {
    return this.#store.audit(request);
  }

  async moveShard(shard: number, lane: number): Promise<void> {
    const { shards, lanes } = this.#options;
    const check = (option: string, value: number, count: number): void => {
      if (Number.isInteger(value) && value >= 0 && value < count) return;
      throw new SynapseError(
        'INVALID_ARGUMENT',
        `${option} must be an integer from 0 to ${count - 1}, got ${String(value)}`,
        { option },
      );
    };
    check('shard', shard, shards);
    check('lane', lane, lanes);
    await this.#fleet.move(
      shard,
      lane,
      (held) => this.client.hold(held),
      (held) => this.client.unhold(held),
    );
  }

  async erase(tenant: string): Promise<void> {
    await this.#fleet.erase(tenant);
    // Calls under way will have no answer: sent again, they hear why.
    this.client.resend((shard) => shard === shardOf(tenant, this.#options.shards));
  }

  async backup(dir: string): Promise<void> {
    await this.#store.backup(dir);
  }

  readEvents(tenant: string, topic: string, from: number, limit: number): Promise<readonly StoredTopicEvent[]> {
    return this.#store.events(tenant, topic, from, limit);
  }

  async close(): Promise<void> {
    const { drainTimeoutMs } = this.#options;
    try {
      await this.client.idle(drainTimeoutMs);
      await this.#effects.drain(drainTimeoutMs);
      await this.client.idle(drainTimeoutMs); // outcomes of effects are inputs
      await this.snapshot();
    } catch {
      // The store takes nothing or a lane is being replaced: what is durable is enough to go on from.
    }
    await this.#stop();
  }

  async #stop(): Promise<void> {
    this.#watchdog.stop();
    clearInterval(this.#rateTimer);
    await this.#chore?.destroy();
    await this.#effects.close();
    await this.#fleet.stop();
    await this.#store.stop();
    this.#timetable.stop();
  }
}

/** A file where the directory should be is told at once, with the option's name. */
function checkDirectory(dataDir: string | undefined): void {
  if (dataDir === undefined || !existsSync(dataDir)) return;
  try {
    readdirSync(dataDir);
  } catch (error) {
    throw new SynapseError(
      'STORE_UNAVAILABLE',
      `dataDir: ${dataDir} is no directory that can be read: ${(error as Error).message}`,
      { option: 'dataDir' },
    );
  }
}
