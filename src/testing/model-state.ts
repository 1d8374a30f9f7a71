/**
 * The kernel once more, as plainly as can be: tables of a tenant, its run queue, and replies. Everything is
 * in memory for good, suspended turns are the promises they are, nothing is marked, evicted, snapshotted or
 * replayed. Written from the documentation of the kernel and not from its tables, so that a mistake in one
 * of the two shows as a difference. Only the simulator's checks use it.
 */
import type { ResolvedActor } from '../actor/definition.ts';
import type { KernelConfig, Registry } from '../actor/kernel-config.ts';
import { type Address, addressText } from '../base/address.ts';
import { SynapseError } from '../base/error.ts';
import { decodeError, encodeError, errorCodeOf } from '../frame/frame.ts';
import type { TurnScope } from '../host/turn-scope.ts';
import type { ModelActor, ModelMessage, ModelOutcome, ModelReplyTo } from './model-message.ts';
import type { ModelTurn } from './model-turn.ts';

/** What waits for its turn in a step. */
export type ModelJob =
  | { readonly kind: 'message'; readonly message: ModelMessage }
  | { readonly kind: 'result'; readonly turnId: number; readonly callIndex: number; readonly outcome: ModelOutcome }
  | { readonly kind: 'next' | 'back-off-over'; readonly actorId: string }
  | { readonly kind: 'stop' | 'restart'; readonly actorId: string; readonly reason: string }
  | {
      readonly kind: 'escalation' | 'strategy';
      readonly actorId: string;
      readonly from: string;
      readonly reason: string;
    }
  | { readonly kind: 'orphan'; readonly actorId: string; readonly child: string };

export interface ModelTimer {
  readonly id: string;
  readonly purpose: 'command' | 'back-off' | 'deadline';
  readonly actorId: string;
  readonly dueMs: number;
  readonly cron?: string | undefined;
  readonly command?: string;
  readonly args?: Uint8Array;
  readonly turnId?: number;
  readonly callIndex?: number;
}

interface ModelKey {
  readonly command: string;
  readonly expiresMs: number;
  outcome: ModelOutcome | undefined;
  waiters: ModelReplyTo[];
}

export interface ModelMailbox {
  readonly messages: ModelMessage[];
  restarting: string | undefined;
  isScheduled: boolean;
}

/** A message to another tenant that has no reply yet. */
export interface ModelSend {
  readonly tenant: string;
  readonly incarnation: number;
  readonly counter: number;
  readonly tell: boolean;
  readonly type: string;
  readonly key: string;
  readonly handler: string;
  readonly args: Uint8Array;
  readonly turnId: number;
  readonly callIndex: number;
}

export class ModelState {
  readonly tenant: string;
  readonly registry: Registry;
  readonly scope: TurnScope;
  readonly admit: (from: string, to: string, type: string, handler: string) => boolean;
  config: KernelConfig;
  seq = 0;
  nowMs = 0;
  seed: Uint8Array = new Uint8Array(16);
  nextTurnId = 1;
  suspendedUntilMs = 0;
  readonly types: Map<string, number> = new Map();
  readonly actors: Map<string, ModelActor> = new Map();
  readonly turns: Map<number, ModelTurn> = new Map();
  readonly turnOf: Map<string, ModelTurn> = new Map();
  readonly mailboxes: Map<string, ModelMailbox> = new Map();
  readonly timers: Map<string, ModelTimer> = new Map();
  readonly keys: Map<string, ModelKey> = new Map();
  readonly counters: Map<string, number> = new Map();
  readonly sends: Map<string, ModelSend> = new Map();
  readonly effects: Map<string, { readonly turnId: number; readonly callIndex: number }> = new Map();
  readonly topics: Map<string, number> = new Map();
  readonly watchers: Map<string, string[]> = new Map();
  readonly unborn: Map<string, number[]> = new Map();
  queue: ModelJob[] = [];
  /** What the step has put out, a line each, and the answers of `admit`. */
  lines: string[] = [];
  /** Actors that the step has ended. */
  ended: string[] = [];
  decisions: boolean[] = [];
  readonly onFault: (text: string) => void;

  constructor(
    setup: Pick<ModelState, 'tenant' | 'registry' | 'scope' | 'admit' | 'config'>,
    onFault: (text: string) => void,
  ) {
    this.tenant = setup.tenant;
    this.registry = setup.registry;
    this.scope = setup.scope;
    this.admit = setup.admit;
    this.config = setup.config;
    this.onFault = onFault;
  }

  definitionOf(type: string): ResolvedActor | undefined {
    const version = this.types.get(type) ?? this.config.types[type];
    return version === undefined ? undefined : this.registry.resolve(type, version);
  }

  address(actorId: string): Address {
    const [type = '', key = ''] = actorId.split('\0');
    return { tenant: this.tenant, type, key };
  }

  text(actorId: string): string {
    return addressText(this.address(actorId));
  }

  exists(actorId: string): boolean {
    return this.actors.get(actorId)?.exists === true;
  }

  /** It exists, or its first turn is suspended: nobody may spawn it. */
  isTaken(actorId: string): boolean {
    return this.exists(actorId) || this.turnOf.has(actorId);
  }

  isBusy(actorId: string): boolean {
    return this.mailboxes.has(actorId) || this.turnOf.has(actorId);
  }

  mailboxOf(actorId: string): ModelMailbox {
    const mailbox = this.mailboxes.get(actorId) ?? { messages: [], restarting: undefined, isScheduled: false };
    this.mailboxes.set(actorId, mailbox);
    return mailbox;
  }

  /** Lets waiting messages go on, one at a time, unless the actor is busy or waits out a back-off. */
  releaseMailbox(actorId: string): void {
    const mailbox = this.mailboxes.get(actorId);
    if (mailbox === undefined || mailbox.isScheduled || mailbox.restarting !== undefined) return;
    if (this.turnOf.has(actorId)) return;
    if (mailbox.messages.length === 0) {
      this.mailboxes.delete(actorId);
      return;
    }
    mailbox.isScheduled = true;
    this.queue.push({ kind: 'next', actorId });
  }

  decide(granted: boolean): boolean {
    this.decisions.push(granted);
    return granted;
  }

  reply(message: ModelMessage, outcome: ModelOutcome): void {
    const { idempotencyKey } = message;
    if (idempotencyKey !== undefined) {
      const entry = this.keys.get(idempotencyKey);
      if (entry !== undefined && entry.outcome === undefined) {
        entry.outcome = outcome;
        for (const waiter of entry.waiters.splice(0)) this.#answer(waiter, outcome, message);
      }
      this.lines.push(`answered ${idempotencyKey} ${outcomeText(outcome)}`);
    }
    this.#answer(message.replyTo, outcome, message);
  }

  #answer(replyTo: ModelReplyTo, outcome: ModelOutcome, message: ModelMessage): void {
    const text = outcomeText(outcome);
    switch (replyTo.kind) {
      case 'turn':
        this.queue.push({ kind: 'result', turnId: replyTo.turnId, callIndex: replyTo.callIndex, outcome });
        return;
      case 'client':
        this.lines.push(`reply ${replyTo.incarnation} ${replyTo.messageId} ${text}`);
        return;
      case 'tenant': {
        const { tenant, incarnation, messageId, tell } = replyTo;
        this.lines.push(`tenant-reply ${tenant} ${incarnation} ${messageId} ${tell ? 'tell' : 'call'} ${text}`);
        return;
      }
      case 'none': {
        if (outcome.ok || message.role !== 'command') return;
        const { type, key, handler, args } = message;
        this.deadLetter({ tenant: this.tenant, type, key }, handler, args, decodeError(outcome.payload));
      }
    }
  }

  deadLetter(address: Address, handler: string, args: Uint8Array, error: SynapseError): void {
    this.lines.push(`dead-letter ${addressText(address)} ${handler} ${hex(args)} ${error.code}`);
  }

  supervision(event: string, actorId: string, reason: string, untilMs: number | undefined): void {
    this.lines.push(`${event} ${this.text(actorId)} ${untilMs ?? ''} ${reason}`);
  }
}

/** An outcome in the words of the comparison: of a failure its code alone, of a refusal everything. */
export function outcomeText({ ok, payload }: ModelOutcome): string {
  if (ok) return `ok ${hex(payload)}`;
  const code = errorCodeOf(payload);
  return code === 'REFUSED' ? `${code} ${hex(payload)}` : code;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

export function failed(code: ConstructorParameters<typeof SynapseError>[0], message: string): ModelOutcome {
  return { ok: false, payload: encodeError(new SynapseError(code, message)) };
}
