/**
 * The objects behind `ctx`. A context belongs to one turn (or one query) and is dead after it: every
 * member asks its turn first. It asks the domain for nothing but facts; whatever it wants done it
 * leaves with the turn, as a call or as an order.
 */
import { checkName } from '../base/address.ts';
import { SynapseError } from '../base/error.ts';
import { encodeArguments, encodeValue } from '../frame/codec.ts';
import type { Cell } from './cell.ts';
import type { Log, Sender } from './context-types.ts';
import { nextCronMs } from './cron.ts';
import { type DomainFacts, LifeScope, type LogLevel } from './life-scope.ts';
import { actorIdOf, checkedActorId } from './message.ts';
import { ADDRESS, type AnyRef, addressOf } from './reference-types.ts';
import { TableView, type ViewScope, stateView } from './state-view.ts';
import type { Call } from './turn-calls.ts';
import { turnRef } from './turn-ref.ts';
import type { Turn } from './turn.ts';

/** Longest time ahead that a timer may be set, ms: 100 years, well inside what a double counts exactly. */
const TIMER_MAX_MS = 100 * 366 * 86_400_000;

/** Longest name of a table or topic, UTF-16 units. */
const LABEL_MAX = 64;

function checkLabel(what: string, label: unknown): asserts label is string {
  if (typeof label === 'string' && label.length > 0 && label.length <= LABEL_MAX && !/\p{Cc}/u.test(label)) return;
  throw new SynapseError(
    'INVALID_ARGUMENT',
    `${what} must be 1 to ${LABEL_MAX} characters without control characters`,
    {
      argument: what,
    },
  );
}

class ReadContext {
  // Private to the engine, not only to the compiler: a handler holds this object.
  readonly #facts: DomainFacts;
  readonly #cell: Cell;
  readonly #scope: ViewScope;
  readonly #sender: Sender;
  #state: Record<string, unknown> | undefined = undefined;
  #log: Log | undefined = undefined;

  constructor(facts: DomainFacts, cell: Cell, scope: ViewScope, sender: Sender) {
    this.#facts = facts;
    this.#cell = cell;
    this.#scope = scope;
    this.#sender = sender;
  }

  get sender(): Sender {
    return Object.freeze(this.#sender);
  }

  get tenant(): string {
    return this.#facts.tenant;
  }

  get type(): string {
    return this.#cell.type;
  }

  get key(): string {
    return this.#cell.key;
  }

  get seq(): number {
    this.#scope.assertRunning('the seq');
    return this.#facts.seq;
  }

  get state(): Record<string, unknown> {
    this.#state ??= stateView(this.#cell, this.#scope);
    return this.#state;
  }

  /** `ctx.state = {...}` would lose its guards; keys are assigned one by one. */
  set state(_value: unknown) {
    throw new TypeError('assign the keys of ctx.state, not ctx.state itself');
  }

  get log(): Log {
    const address = { tenant: this.#facts.tenant, type: this.#cell.type, key: this.#cell.key };
    const at =
      (level: LogLevel) =>
      (message: string, fields?: Readonly<Record<string, unknown>>): void => {
        this.#scope.assertRunning('the log');
        if (this.#scope.isNewLine()) this.#facts.log(address, level, message, fields);
      };
    this.#log ??= { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
    return this.#log;
  }

  now(): number {
    this.#scope.assertRunning('the time');
    return this.#facts.nowMs;
  }

  table(name: string): TableView {
    checkLabel('a table name', name);
    return new TableView(this.#cell, this.#scope, name);
  }
}

/** `ctx` of a query: it can read, and that is all. */
export class QueryScope extends ReadContext {}

/** `ctx` of a command and of the lifecycle handlers. */
export class TurnContext extends ReadContext {
  readonly #scope: LifeScope;

  constructor(facts: DomainFacts, cell: Cell, turn: Turn) {
    const scope = new LifeScope(turn, facts);
    super(facts, cell, scope, turn.message.sender);
    this.#scope = scope;
  }

  override get seq(): number {
    this.#scope.assertRunning('the seq');
    return this.#scope.turn.now.seq;
  }

  override now(): number {
    this.#scope.assertRunning('the time');
    return this.#scope.turn.nowMs;
  }

  random(): number {
    this.#scope.assertRunning('chance');
    return this.#scope.turn.random.random();
  }

  uuid(): string {
    this.#scope.assertRunning('chance');
    return this.#scope.turn.random.uuid();
  }

  ref(type: string | { readonly name: string }, key: string, tenant: string = this.#scope.facts.tenant): AnyRef {
    const name = typeof type === 'string' ? type : type?.name;
    if (typeof name !== 'string')
      throw new SynapseError('INVALID_ARGUMENT', 'ref takes an actor type or its name', { argument: 'type' });
    const actorId = checkedActorId(name, key);
    if (tenant !== this.#scope.facts.tenant) checkName('tenant', tenant);
    return turnRef(this.#scope, tenant, name, key, actorId);
  }

  after(ms: number, command: string, ...args: readonly unknown[]): string {
    this.#scope.assertRunning('a timer');
    if (typeof ms !== 'number' || !(ms >= 0) || ms > TIMER_MAX_MS) {
      throw new SynapseError('INVALID_ARGUMENT', `after takes 0 to ${TIMER_MAX_MS} ms, got ${String(ms)}`, {
        argument: 'ms',
      });
    }
    return this.#schedule(this.#scope.turn.nowMs + Math.ceil(ms), undefined, command, args);
  }

  cron(expression: string, command: string, ...args: readonly unknown[]): string {
    this.#scope.assertRunning('a timer');
    return this.#schedule(nextCronMs(expression, this.#scope.turn.nowMs), expression, command, args);
  }

  #schedule(dueMs: number, cron: string | undefined, command: string, args: readonly unknown[]): string {
    const { definition } = this.#scope.turn;
    if (definition?.commands.has(command) !== true) {
      throw new SynapseError('UNKNOWN_HANDLER', `${this.type} has no command '${String(command)}'`, {
        handler: String(command),
      });
    }
    const id = this.#scope.turn.nextOrderId();
    this.#scope.turn.order({ kind: 'timer', id, dueMs, cron, command, args: encodeArguments(args) });
    return id;
  }

  cancel(id: string): void {
    this.#scope.assertRunning('a timer');
    if (typeof id !== 'string')
      throw new SynapseError('INVALID_ARGUMENT', 'cancel takes the id of a timer', { argument: 'id' });
    this.#scope.turn.order({ kind: 'cancel', id });
  }

  effect(name: string, input?: unknown): Promise<unknown> {
    this.#scope.assertRunning('an effect');
    return this.#scope.turn.calls.request((index): Call => {
      try {
        if (this.#scope.turn.definition?.hasEffect(name) === false) {
          throw new SynapseError('INVALID_ARGUMENT', `${this.type} has no effect '${String(name)}'`, {
            argument: 'name',
          });
        }
        return { kind: 'effect', index, name, input: encodeValue(input, undefined, 'input') };
      } catch (error) {
        return { kind: 'failed', index, error: error as SynapseError };
      }
    });
  }

  spawn(type: string | { readonly name: string }, key: string): AnyRef {
    const turn = this.#scope.turn;
    this.#scope.assertRunning('a child');
    const ref = this.ref(type, key);
    const address = addressOf(ref);
    if (this.#scope.facts.definitionOf(address.type) === undefined) {
      throw new SynapseError('UNKNOWN_ACTOR', `no actor type '${address.type}' is registered`, { type: address.type });
    }
    const actorId = actorIdOf(address.type, key);
    const isKnown = turn.spawns(address.type, key) || actorId === turn.actorId;
    const existence = isKnown ? 'yes' : turn.existenceOf(actorId, () => this.#scope.facts.existence(actorId));
    if (existence === 'yes') {
      throw new SynapseError('INVALID_ARGUMENT', `${address.type}/${key} exists already`, { argument: 'key' });
    }
    turn.spawn(address.type, key);
    return ref;
  }

  stop(): void {
    this.#scope.assertRunning('its end');
    this.#scope.turn.order({ kind: 'stop' });
  }

  watch(ref: AnyRef): void {
    this.#scope.assertRunning('a watch');
    const address = (ref as Partial<AnyRef> | undefined)?.[ADDRESS];
    if (address === undefined || address.tenant !== this.tenant) {
      throw new SynapseError('INVALID_ARGUMENT', 'watch takes a reference to an actor of the same tenant', {
        argument: 'ref',
      });
    }
    this.#scope.turn.order({ kind: 'watch', type: address.type, key: address.key });
  }

  emit(topic: string, value: unknown): void {
    this.#scope.assertRunning('an event');
    checkLabel('a topic', topic);
    this.#scope.turn.order({ kind: 'emit', topic, value: encodeValue(value, undefined, 'value') });
  }
}
