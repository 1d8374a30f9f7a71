/**
 * Every answer against the journal: what a user was told of a command is what its recorded step says, and
 * what was told not to have happened is not there. Messages of one process to one tenant were taken in in
 * the order in which they were sent, and no tell is lost while its process lives.
 */
import { decodeError } from '../frame/frame.ts';
import { encodeValue } from '../frame/codec.ts';
import type { KernelModel } from './model-input.ts';
import { hex } from './model-state.ts';
import { isOnceForAll } from './sim-host-setup.ts';
import type { Attempt, SimulatedOperation } from './sim-operation.ts';
import type { SimulationRun } from './sim-run.ts';

interface Recorded {
  readonly seq: number;
  readonly text: string;
  /** When its idempotency key, if it has one, is forgotten. */
  readonly expiresMs: number;
}

/** Codes that say: nobody knows whether it happened. */
const UNKNOWN_CODES: ReadonlySet<string> = new Set(['TIMEOUT', 'CLOSED', 'STORE_UNAVAILABLE']);

/** Codes of a tenant that cannot be served any more. */
const UNSERVED_CODES: ReadonlySet<string> = new Set(['STORE_CORRUPT', 'DIVERGED']);

export class AnswerCheck {
  readonly #run: SimulationRun;
  /** Replies of the journal by tenant, process and message. */
  readonly #replies: Map<string, Recorded> = new Map();
  readonly #byKey: Map<string, Recorded[]> = new Map();
  /** Steps that took in a message, by the same names. */
  readonly #taken: Map<string, number> = new Map();
  /** Steps in which a tenant was suspended. */
  readonly #suspended: Map<string, Set<number>> = new Map();

  constructor(run: SimulationRun) {
    this.#run = run;
  }

  /** The clock was set back: what was over for the sender need not be for the tenant. */
  get #isSetBack(): boolean {
    return this.#run.setup.faults.some(({ kind }) => kind === 'clockBackward');
  }

  /** Takes note of what a step has put out. */
  note(tenant: string, seq: number, lines: readonly string[], { suspendedUntilMs, nowMs }: KernelModel): void {
    if (suspendedUntilMs > 0) {
      const steps = this.#suspended.get(tenant) ?? new Set();
      this.#suspended.set(tenant, steps.add(seq));
    }
    for (const line of lines) {
      const [word = '', a = '', b = '', ...rest] = line.split(' ');
      if (word === 'reply') this.#replies.set(`${tenant} ${a} ${b}`, { seq, text: rest.join(' '), expiresMs: 0 });
      if (word !== 'answered') continue;
      const cut = /^answered (.*) (ok [0-9a-f]*|REFUSED [0-9a-f]*|[A-Z_]+)$/.exec(line);
      const name = `${tenant}\0${cut?.[1] ?? ''}`;
      const known = this.#byKey.get(name) ?? [];
      this.#byKey.set(name, known);
      known.push({ seq, text: cut?.[2] ?? '', expiresMs: nowMs + this.#run.setup.limits.idempotencyTermMs });
    }
  }

  /** Judges all attempts, once all steps are noted. */
  judge(): void {
    this.#noteTaken();
    for (const attempt of this.#run.users.attempts) {
      const operation = this.#run.setup.operations[attempt.operation] as SimulatedOperation;
      if (this.#run.journal.damaged.has(operation.tenant) || !this.#isCommand(operation)) continue;
      if (operation.tell === true) this.#judgeTell(attempt, operation);
      else this.#judgeCall(attempt, operation);
    }
    this.#judgeOrder();
  }

  #isCommand({ type, handler }: SimulatedOperation): boolean {
    return this.#run.setup.registry.newest(type)?.queries.has(handler) !== true;
  }

  #keyOf({ operation }: Attempt): string | undefined {
    return this.#run.setup.operations[operation]?.idempotencyKey;
  }

  #noteTaken(): void {
    const { journal } = this.#run;
    for (const tenant of journal.tenants) {
      for (const { seq, frame } of journal.steps(tenant)) {
        if (frame.source === undefined && frame.messageId > 0)
          this.#taken.set(`${tenant} ${frame.incarnation} ${frame.messageId}`, seq);
      }
    }
  }

  #report(check: string, attempt: Attempt, text: string): void {
    this.#run.report(check, `operation ${attempt.operation}, try ${attempt.number}: ${text}`);
  }

  #judgeCall(attempt: Attempt, operation: SimulatedOperation): void {
    const { answer, incarnation, messageId } = attempt;
    if (answer === undefined || (!answer.ok && UNKNOWN_CODES.has(answer.code))) return;
    const { tenant, idempotencyKey } = operation;
    const told = answer.ok ? `ok ${hex(encodeValue(answer.value))}` : answer.code;
    if (UNSERVED_CODES.has(told)) {
      this.#report('durable', attempt, `it was answered ${told}, though nothing rotted and no code changed`);
      return;
    }
    const own = this.#replies.get(`${tenant} ${incarnation} ${messageId}`);
    const message = answer.ok ? '' : answer.message;
    const repeats = idempotencyKey === undefined ? [] : (this.#byKey.get(`${tenant}\0${idempotencyKey}`) ?? []);
    if (own !== undefined) {
      // Told by its key, sent again before that was heard, and the key forgotten meanwhile: both are the truth.
      const isOfKey = !isOnceForAll(this.#run.setup.limits) && repeats.some(({ text }) => isSame(text, told, message));
      if (!isSame(own.text, told, message) && !isOfKey)
        this.#report('durable', attempt, `it was answered ${told}, its step ${own.seq} says ${own.text}`);
      return;
    }
    const same = repeats.filter(({ text }) => isSame(text, told, message));
    if (same.length > 0) {
      // The key's term goes by recorded time, which is never behind the clock of its host.
      if (!this.#isSetBack && same.every(({ expiresMs }) => expiresMs <= attempt.sentMs))
        this.#report('once', attempt, `it was answered ${told} from a key whose term was over`);
      return;
    }
    const seq = this.#taken.get(`${tenant} ${incarnation} ${messageId}`);
    if (seq !== undefined) this.#report('durable', attempt, `it was answered ${told}, its step ${seq} has no answer`);
    else this.#judgeRefusal(attempt, operation, told);
  }

  /** An answer without a step: it must be a refusal, and one with a reason. */
  #judgeRefusal(attempt: Attempt, { tenant, type, handler, idempotencyKey }: SimulatedOperation, told: string): void {
    const definition = this.#run.setup.registry.newest(type);
    const hasReason: Readonly<Record<string, () => boolean>> = {
      UNKNOWN_ACTOR: () => definition === undefined,
      UNKNOWN_HANDLER: () => definition !== undefined && !definition.commands.has(handler),
      MAILBOX_FULL: () => definition !== undefined && definition.mailbox.limit < this.#run.users.attempts.length,
      SUSPENDED: () => this.#wasSuspended(tenant, attempt),
      INVALID_ARGUMENT: () => idempotencyKey !== undefined,
      POISONED: () => false,
    };
    if (hasReason[told]?.() === true) return;
    this.#report('durable', attempt, `it was answered ${told}, and no step says so`);
  }

  /** A refusal does not wait for the disk: the step that suspended the tenant may be durable later, or lost with a crash. */
  #wasSuspended(tenant: string, { sentSeq }: Attempt): boolean {
    const isLost = this.#run.crashCount > 0 || this.#run.outageCount > 0;
    return isLost || [...(this.#suspended.get(tenant) ?? [])].some((seq) => seq >= sentSeq);
  }

  #judgeTell(attempt: Attempt, { tenant }: SimulatedOperation): void {
    const { incarnation, messageId, answer } = attempt;
    const isThere = this.#taken.has(`${tenant} ${incarnation} ${messageId}`);
    if (incarnation !== this.#run.lastIncarnation || answer !== undefined || isThere) return;
    this.#report('once', attempt, 'a tell is lost: it was not refused, and no step took it in');
  }

  /** Messages of one process to one tenant are taken in in their order. */
  #judgeOrder(): void {
    const last = new Map<string, { messageId: number; seq: number }>();
    const taken = [...this.#taken].map(([name, seq]) => {
      const cut = name.lastIndexOf(' ');
      return { sender: name.slice(0, cut), messageId: Number(name.slice(cut + 1)), seq };
    });
    taken.sort((a, b) => a.seq - b.seq);
    for (const { sender, messageId, seq } of taken) {
      const before = last.get(sender);
      const attempt = this.#run.users.attemptOf(Number(sender.slice(sender.lastIndexOf(' ') + 1)), messageId);
      if (attempt === undefined) continue; // the result of an effect is no message of a user
      // Told that the store was away: a second copy, sent again meanwhile, may be taken in all the same.
      if (attempt.answer?.ok === false && UNKNOWN_CODES.has(attempt.answer.code)) continue;
      // A repeat may have waited for its first, and be an input of its own once its key is forgotten.
      if (!isOnceForAll(this.#run.setup.limits) && this.#keyOf(attempt) !== undefined) continue;
      if (before !== undefined && before.messageId > messageId)
        this.#run.report(
          'order',
          `${sender}: message ${messageId} was taken in at step ${seq}, after message ${before.messageId}`,
        );
      last.set(sender, { messageId, seq });
    }
  }
}

/** Whether an answer is what the journal says: of a failure its code, of a refusal its words too. */
function isSame(recorded: string, told: string, message: string): boolean {
  if (recorded.startsWith('REFUSED ')) {
    const payload = Buffer.from(recorded.slice('REFUSED '.length), 'hex');
    return told === 'REFUSED' && decodeError(new Uint8Array(payload)).message === message;
  }
  return recorded === told;
}
