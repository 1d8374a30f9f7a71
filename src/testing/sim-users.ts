/**
 * The users of a simulated host: each does its operations in order, a few at a time, over the one
 * client of the process. What has no definite answer is asked again with the same idempotency key; what
 * has no key is left at that. Every sending and every answer is kept.
 */
import { SynapseError } from '../base/error.ts';
import type { Client } from '../host/client.ts';
import type { Chance } from './chance.ts';
import type { SimulatedClock } from './sim-clock.ts';
import type { Answer, Attempt, SimulatedEvent, SimulatedOperation } from './sim-operation.ts';
import type { Trace } from './sim-trace.ts';

/** Answers that say "ask again": the process died, or the store was away. */
const AGAIN: ReadonlySet<string> = new Set(['CLOSED', 'STORE_UNAVAILABLE']);

/** Answers after which the command may have happened all the same. */
const UNKNOWN: ReadonlySet<string> = new Set(['CLOSED', 'STORE_UNAVAILABLE', 'TIMEOUT']);

/** Calls of one user under way at a time. */
const WINDOW_MAX = 4;

interface User {
  readonly number: number;
  readonly window: number;
  /** Operations to send, first first; those asked again stand in front. */
  readonly waiting: number[];
  openCount: number;
  /** Until then it thinks, over the operation at this index. */
  idleUntilMs: number;
  thinksOver: number;
}

export interface UsersSetup {
  readonly operations: readonly SimulatedOperation[];
  readonly chance: Chance;
  readonly clock: SimulatedClock;
  readonly trace: Trace;
  readonly durableSeq: (tenant: string) => number;
}

export class Users {
  readonly #setup: UsersSetup;
  readonly #users: User[];
  readonly #attemptsOf: number[];
  readonly attempts: Attempt[] = [];
  readonly history: SimulatedEvent[] = [];
  readonly #byMessage: Map<string, Attempt> = new Map();
  /** Operations sent at least once. */
  issuedCount = 0;
  /** Steady time of the last sending or answer. */
  lastMs = 0;

  constructor(setup: UsersSetup) {
    this.#setup = setup;
    const { operations, chance } = setup;
    this.#attemptsOf = operations.map(() => 0);
    const count = operations.reduce((most, { process }) => Math.max(most, process + 1), 0);
    this.#users = Array.from({ length: count }, (_, number) => ({
      number,
      window: chance.between(1, WINDOW_MAX),
      waiting: operations.flatMap(({ process }, at) => (process === number ? [at] : [])),
      openCount: 0,
      idleUntilMs: 0,
      thinksOver: -1,
    }));
  }

  /** True when every operation has its last answer. */
  get areDone(): boolean {
    return this.#users.every(({ waiting, openCount }) => waiting.length === 0 && openCount === 0);
  }

  /** Steady time at which the next user stops thinking; infinity without one. */
  get nextDueMs(): number {
    const nowMs = this.#setup.clock.steady.nowMs;
    const waiting = this.#users.filter((user) => user.waiting.length > 0 && user.idleUntilMs > nowMs);
    return Math.min(Number.POSITIVE_INFINITY, ...waiting.map(({ idleUntilMs }) => idleUntilMs));
  }

  /** Users that can send now. */
  ready(): readonly number[] {
    const { nowMs } = this.#setup.clock.steady;
    return this.#users.flatMap(({ number, waiting, openCount, window, idleUntilMs }) =>
      waiting.length > 0 && openCount < window && idleUntilMs <= nowMs ? [number] : [],
    );
  }

  /** Lets a user send what comes next. */
  send(number: number, client: Client, incarnation: number): void {
    const user = this.#users[number];
    const at = user?.waiting[0];
    const operation = this.#setup.operations[at ?? -1];
    if (user === undefined || at === undefined || operation === undefined) return;
    const pauseMs = operation.pauseMs ?? 0;
    const { nowMs } = this.#setup.clock.steady;
    if (pauseMs > 0 && user.thinksOver !== at) {
      user.thinksOver = at;
      user.idleUntilMs = nowMs + pauseMs;
      return;
    }
    user.waiting.shift();
    this.#post(user, at, operation, client, incarnation);
  }

  #post(user: User, at: number, operation: SimulatedOperation, client: Client, incarnation: number): void {
    const { clock, trace, durableSeq } = this.#setup;
    const { tenant, type, key, handler, args, idempotencyKey, timeoutMs, principal } = operation;
    const number = (this.#attemptsOf[at] ?? 0) + 1;
    this.#attemptsOf[at] = number;
    if (number === 1) {
      this.issuedCount += 1;
      this.#note(operation, at, 'invoke', args.length > 1 ? args : args[0]);
    }
    const options = {
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(principal === undefined ? {} : { principal }),
    };
    const begin = (): Attempt => {
      const attempt: Attempt = {
        operation: at,
        number,
        incarnation,
        messageId: client.lastMessageId,
        sentAt: trace.count,
        sentMs: clock.wallMs,
        sentSeq: durableSeq(tenant),
        answer: undefined,
        answeredAt: undefined,
        answeredMs: undefined,
        releasedSeq: undefined,
      };
      this.attempts.push(attempt);
      this.#byMessage.set(`${incarnation} ${attempt.messageId}`, attempt);
      return attempt;
    };
    trace.note(`user ${user.number} sends ${at} try ${number}`);
    this.lastMs = clock.steady.nowMs;
    const address = { tenant, type, key };
    if (operation.tell === true) {
      const sent: { attempt?: Attempt } = {};
      client.tell(client.route(address, handler, options), args, ({ error }) => {
        if (sent.attempt !== undefined)
          this.#settle(sent.attempt, { ok: false, code: error.code, message: error.message });
      });
      sent.attempt = begin();
      return;
    }
    user.openCount += 1;
    const promise = client.call(client.route(address, handler, options), args);
    const attempt = begin();
    promise.then(
      (value) => this.#take(user, attempt, { ok: true, value }),
      (error: unknown) => {
        const { code, message } = error instanceof SynapseError ? error : { code: '?', message: String(error) };
        this.#take(user, attempt, { ok: false, code, message });
      },
    );
  }

  #settle(attempt: Attempt, answer: Answer): void {
    attempt.answer = answer;
    this.lastMs = this.#setup.clock.steady.nowMs;
    attempt.answeredAt = this.#setup.trace.count;
    attempt.answeredMs = this.#setup.clock.wallMs;
    this.#setup.trace.note(`answer ${attempt.operation} ${answer.ok ? 'ok' : answer.code}`);
  }

  #take(user: User, attempt: Attempt, answer: Answer): void {
    this.#settle(attempt, answer);
    user.openCount -= 1;
    const at = attempt.operation;
    const operation = this.#setup.operations[at] as SimulatedOperation;
    if (!answer.ok && AGAIN.has(answer.code) && operation.idempotencyKey !== undefined) {
      user.waiting.push(at);
      user.waiting.sort((a, b) => a - b);
      return;
    }
    if (answer.ok) this.#note(operation, at, 'ok', answer.value);
    else this.#note(operation, at, UNKNOWN.has(answer.code) ? 'info' : 'fail', answer.code);
  }

  #note(operation: SimulatedOperation, at: number, type: SimulatedEvent['type'], value: unknown): void {
    const { process, tenant, key, handler } = operation;
    const address = `${tenant}/${operation.type}/${key}`;
    this.history.push({ process: `${process}.${at}`, type, op: handler, key: address, value, operation: at });
  }

  /** The attempt that a message is, by the names it has in the journal. */
  attemptOf(incarnation: number, messageId: number): Attempt | undefined {
    return this.#byMessage.get(`${incarnation} ${messageId}`);
  }
}
