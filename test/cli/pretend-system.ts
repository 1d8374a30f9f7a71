/**
 * A double of the system for tests of the command line: one queue per tenant, a mailbox limit per actor,
 * an idempotency table, and answers in an order across tenants that a seed decides. It keeps what it
 * applied, in order, so that a test can look for gaps, repeats and overtaking.
 */
import { sha256 } from '../../src/base/hash.ts';
import { SynapseError, type ErrorCode } from '../../src/base/error.ts';
import type { RunSystem } from '../../src/cli/host.ts';
import type { CommandRecord } from '../../src/cli/command-record.ts';
import type { Mailbox } from '../../src/cli/tenant-queue.ts';

interface Waiting {
  readonly record: CommandRecord;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface PretendOptions {
  /** Draws from 0 (included) to 1; decides whose turn is next. */
  readonly random?: () => number;
  readonly mailbox?: Mailbox;
  /** What `mailboxOf` says, when that shall differ from the truth. */
  readonly saidMailbox?: Mailbox;
  /** Answers one command; throws to refuse. */
  readonly answer?: (record: CommandRecord) => unknown;
}

/** Longer than any run of the tests, wider than any line of theirs. */
const ROOMY: Mailbox = { limit: 10_000, limitBytes: 16 << 20 };

export class PretendSystem implements RunSystem {
  readonly applied: CommandRecord[] = [];
  readonly #queues = new Map<string, Waiting[]>();
  readonly #answers = new Map<string, unknown>();
  readonly #options: PretendOptions;
  #repeats = 0;
  #isTicking = false;
  /** Most commands that were under way at once. */
  mostWaiting = 0;
  /** How often a mailbox was full. */
  fullCount = 0;
  isClosed = false;

  constructor(options: PretendOptions = {}) {
    this.#options = options;
  }

  mailboxOf(): Mailbox {
    return this.#options.saidMailbox ?? this.#options.mailbox ?? ROOMY;
  }

  call(record: CommandRecord): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const queue = this.#queues.get(record.tenant) ?? [];
      this.#queues.set(record.tenant, queue);
      const inMailbox = queue.filter(
        (waiting) => waiting.record.actor === record.actor && waiting.record.key === record.key,
      ).length;
      if (inMailbox >= (this.#options.mailbox ?? ROOMY).limit) {
        this.fullCount++;
        setImmediate(() => reject(new SynapseError('MAILBOX_FULL', 'mailbox is full')));
        return;
      }
      queue.push({ record, resolve, reject });
      this.mostWaiting = Math.max(this.mostWaiting, this.waiting);
      this.#schedule();
    });
  }

  /** Commands that were accepted and not answered. */
  get waiting(): number {
    return [...this.#queues.values()].reduce((sum, queue) => sum + queue.length, 0);
  }

  tenants(): Promise<{ tenant: string; stateRoot: Uint8Array }[]> {
    const names = [...new Set(this.applied.map((record) => record.tenant))];
    const text = (tenant: string): string => JSON.stringify(this.applied.filter((record) => record.tenant === tenant));
    return Promise.resolve(names.map((tenant) => ({ tenant, stateRoot: sha256(text(tenant)) })));
  }

  repeats(): Promise<number> {
    return Promise.resolve(this.#repeats);
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  #schedule(): void {
    if (this.#isTicking) return;
    this.#isTicking = true;
    setImmediate(() => {
      this.#isTicking = false;
      const random = this.#options.random ?? (() => 0);
      const busy = [...this.#queues.values()].filter((queue) => queue.length > 0);
      for (const queue of busy) if (random() < 0.7) this.#answerNext(queue);
      if (this.waiting > 0) this.#schedule();
    });
  }

  #answerNext(queue: Waiting[]): void {
    const waiting = queue.shift();
    if (waiting === undefined) return;
    const { record, resolve, reject } = waiting;
    const known = record.id === undefined ? undefined : `${record.tenant}\0${record.id}`;
    if (known !== undefined && this.#answers.has(known)) {
      this.#repeats++;
      resolve(this.#answers.get(known));
      return;
    }
    try {
      const value = this.#options.answer?.(record) ?? null;
      this.applied.push(record);
      if (known !== undefined) this.#answers.set(known, value);
      resolve(value);
    } catch (error) {
      reject(error);
    }
  }
}

/** An answer of {@link PretendOptions.answer} that fails every command named after an error code: `call: "REFUSED"`. */
export function failByName(record: CommandRecord): unknown {
  if (/^[A-Z_]+$/.test(record.call)) throw new SynapseError(record.call as ErrorCode, `asked for ${record.call}`);
  return record.args[0] ?? null;
}
