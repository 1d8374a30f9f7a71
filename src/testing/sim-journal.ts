/**
 * What a simulated host has made durable, as its store gives it back: the one truth that checks compare
 * everything with. It is read on after every commit, through the store's own reading path, and kept
 * when the store forgets old records. What was durable once must stay as it was.
 */
import { type StepBody, decodeRecord } from '../actor/record.ts';
import { SynapseError } from '../base/error.ts';
import { decodeExtension } from '../frame/extension.ts';
import { FRAME_KIND, Frame } from '../frame/frame.ts';
import type { StepRecord, Store } from '../store/store.ts';

/** One recorded step. */
export interface RecordedStep {
  readonly seq: number;
  readonly body: StepBody;
  /** The input. */
  readonly frame: Frame;
}

export class RunJournal {
  readonly #steps: Map<string, RecordedStep[]> = new Map();
  readonly #bytes: Map<string, Uint8Array[]> = new Map();
  /** Names of the messages taken in: tenant, source, incarnation, number. */
  readonly #inputs: Set<string> = new Set();
  readonly #keys: Set<string> = new Set();
  readonly #taken: Set<string> = new Set();
  readonly #durable: Map<string, number> = new Map();
  /** Tenants with rows that cannot be read any more. */
  readonly damaged: Map<string, string> = new Map();
  readonly #onViolation: (check: string, text: string) => void;

  constructor(onViolation: (check: string, text: string) => void) {
    this.#onViolation = onViolation;
  }

  get tenants(): readonly string[] {
    return [...this.#steps.keys()].sort();
  }

  steps(tenant: string): readonly RecordedStep[] {
    return this.#steps.get(tenant) ?? [];
  }

  /** Bodies of a tenant's records as they were when they became durable: the leaves of its audit log. */
  bodies(tenant: string): readonly Uint8Array[] {
    return this.#bytes.get(tenant) ?? [];
  }

  /** Durable steps of a tenant. */
  seq(tenant: string): number {
    return this.#durable.get(tenant) ?? 0;
  }

  /** The store says that these steps are durable now. What it gives back is read when it can be read. */
  note(steps: readonly StepRecord[]): void {
    for (const { tenant, seq, body } of steps) {
      this.#durable.set(tenant, Math.max(this.seq(tenant), seq));
      this.#name(tenant, Frame.parse(decodeRecord(body).frame));
    }
  }

  #name(tenant: string, given: Frame): string | undefined {
    const frame = given.kind === FRAME_KIND.poison ? Frame.parse(given.payload) : given;
    if (frame.kind !== FRAME_KIND.call && frame.kind !== FRAME_KIND.tell) return undefined;
    const name = inputName(tenant, frame.source?.tenant ?? '', frame.incarnation, frame.messageId);
    this.#inputs.add(name);
    const { idempotencyKey } = decodeExtension(frame.extension);
    if (idempotencyKey !== undefined) this.#keys.add(`${tenant}\0${idempotencyKey}`);
    return name;
  }

  /** Whether a message has been taken in. */
  has(tenant: string, source: string, incarnation: number, messageId: number): boolean {
    return this.#inputs.has(inputName(tenant, source, incarnation, messageId));
  }

  hasKey(tenant: string, idempotencyKey: string): boolean {
    return this.#keys.has(`${tenant}\0${idempotencyKey}`);
  }

  /** Reads what has become durable since the last time. Gives the number of new steps. */
  readOn(store: Store): number {
    let count = 0;
    for (const [tenant] of store.damaged()) this.damaged.set(tenant, 'its rows cannot be read');
    for (const { tenant, seq } of store.tenants()) {
      if (seq < this.seq(tenant)) {
        this.#onViolation(
          'durable',
          `tenant ${tenant}: the store has ${seq} steps, ${this.seq(tenant)} were durable before`,
        );
        continue;
      }
      const known = this.steps(tenant).length;
      if (seq > known) count += this.#read(store, tenant, known);
      this.#durable.set(tenant, Math.max(seq, this.seq(tenant)));
    }
    return count;
  }

  #read(store: Store, tenant: string, known: number): number {
    let count = 0;
    try {
      for (const { seq, body } of store.records(tenant, known + 1)) {
        this.#take(tenant, seq, body);
        count += 1;
      }
    } catch (error) {
      this.#excuse(tenant, error);
    }
    return count;
  }

  #excuse(tenant: string, error: unknown): void {
    if (!(error instanceof SynapseError) || error.code !== 'STORE_CORRUPT') throw error;
    this.damaged.set(tenant, error.message);
  }

  #take(tenant: string, seq: number, bytes: Uint8Array): void {
    const steps = this.#steps.get(tenant) ?? [];
    this.#steps.set(tenant, steps);
    if (seq !== steps.length + 1) {
      this.#onViolation('durable', `tenant ${tenant}: step ${seq} follows step ${steps.length}`);
    }
    const body = decodeRecord(bytes);
    const frame = Frame.parse(body.frame);
    steps.push({ seq, body, frame });
    const kept = this.#bytes.get(tenant) ?? [];
    this.#bytes.set(tenant, kept);
    kept.push(bytes.slice());
    // At most once: a message has one step, whatever was sent again.
    const name = this.#name(tenant, frame);
    if (name === undefined) return;
    if (this.#taken.has(name)) {
      this.#onViolation('once', `tenant ${tenant}: step ${seq} takes a message in a second time: ${frame.handler}`);
    }
    this.#taken.add(name);
  }

  /** Compares all that the store still has with what was read when it became durable. */
  compare(store: Store): void {
    for (const { tenant, firstSeq, seq } of store.tenants()) {
      const kept = this.#bytes.get(tenant) ?? [];
      if (seq !== kept.length)
        this.#onViolation('durable', `tenant ${tenant}: ${seq} steps, read before: ${kept.length}`);
      try {
        for (const record of firstSeq <= seq ? store.records(tenant, firstSeq) : []) {
          const before = kept[record.seq - 1];
          if (before === undefined || Buffer.compare(before, record.body) !== 0) {
            this.#onViolation(
              'durable',
              `tenant ${tenant}: step ${record.seq} is not what it was when it became durable`,
            );
          }
        }
      } catch (error) {
        this.#excuse(tenant, error);
      }
    }
    for (const tenant of this.tenants) {
      const isThere = store.tenants().some((one) => one.tenant === tenant) || store.damaged().has(tenant);
      if (!isThere) this.#onViolation('durable', `tenant ${tenant} is gone`);
    }
  }
}

function inputName(tenant: string, source: string, incarnation: number, messageId: number): string {
  return `${tenant}\0${source}\0${incarnation}\0${messageId}`;
}
