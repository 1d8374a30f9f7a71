/**
 * References of the embedder: an address with a method for every name. A call never throws, it
 * rejects; a reference is not thenable; making one costs nothing and activates nothing.
 */
import type { ActorType } from '../actor/actor-type.ts';
import { ADDRESS, type CallOptions, type Ref } from '../actor/reference-types.ts';
import { type Address, addressText, checkName } from '../base/address.ts';
import { SynapseError } from '../base/error.ts';
import { type Client, TIMEOUT_MAX_MS } from './client.ts';
import type { LostTell } from './open-message.ts';
import type { Route } from './route.ts';

/** Longest idempotency key, UTF-16 units: it is kept for a day, so it is a name and not a document. */
const KEY_MAX = 512;

/** Longest principal, UTF-16 units. */
const PRINCIPAL_MAX = 512;

const OPTION_NAMES: readonly string[] = ['idempotencyKey', 'timeoutMs', 'principal'];

/** What a reference needs of its system. */
export interface ReferenceHome {
  readonly client: Client;
  readonly onLost: (lost: LostTell) => void;
}

function invalid(option: string, expected: string): SynapseError {
  return new SynapseError('INVALID_ARGUMENT', `${option} must be ${expected}`, { option });
}

/** Says what is wrong with the options of a call, or nothing. */
function optionFault(options: CallOptions): SynapseError | undefined {
  if (typeof options !== 'object' || options === null) return invalid('options', 'an object');
  for (const name of Object.keys(options)) {
    if (!OPTION_NAMES.includes(name))
      return new SynapseError('INVALID_ARGUMENT', `there is no call option '${name}'`, { option: name });
  }
  const { idempotencyKey, timeoutMs, principal } = options;
  const isText = (text: unknown, most: number): boolean =>
    typeof text === 'string' && text.length > 0 && text.length <= most && text.isWellFormed();
  if (idempotencyKey !== undefined && !isText(idempotencyKey, KEY_MAX))
    return invalid('idempotencyKey', `a string of 1 to ${KEY_MAX} characters`);
  if (principal !== undefined && !isText(principal, PRINCIPAL_MAX))
    return invalid('principal', `a string of 1 to ${PRINCIPAL_MAX} characters`);
  if (timeoutMs === undefined || (typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= TIMEOUT_MAX_MS))
    return undefined;
  return invalid('timeoutMs', `a number above 0, at most ${TIMEOUT_MAX_MS}`);
}

function addressFault(address: Address): SynapseError | undefined {
  try {
    checkName('tenant', address.tenant);
    checkName('key', address.key);
    if (typeof address.type === 'string' && address.type !== '') return undefined;
    return new SynapseError('INVALID_ARGUMENT', 'ref takes an actor type or its name', { option: 'type' });
  } catch (error) {
    return error as SynapseError;
  }
}

/** Methods that a reference keeps: more than any actor has handlers, but not all that somebody may ask for. */
const METHODS_MAX = 256;

const TARGET = Object.freeze({});

type Method = (...args: unknown[]) => unknown;

/** Methods that were asked for. Most references are asked for one: a map for it would cost as much as its call. */
class MethodCache {
  #lastName = '';
  #last: Method | undefined;
  #others: Map<string, Method> | undefined;

  get(name: string): Method | undefined {
    return this.#lastName === name ? this.#last : this.#others?.get(name);
  }

  keep(name: string, method: Method): Method {
    if (this.#last !== undefined) {
      this.#others ??= new Map();
      if (this.#others.size < METHODS_MAX) this.#others.set(this.#lastName, this.#last);
    }
    this.#lastName = name;
    this.#last = method;
    return method;
  }
}

/** What stands behind a reference. Methods are made when they are asked for, and kept, with their routes. */
class ReferenceHandler implements ProxyHandler<object> {
  readonly #home: ReferenceHome;
  readonly #address: Address;
  readonly #options: CallOptions;
  readonly #fault: SynapseError | undefined;
  #tells: object | undefined;
  readonly #methods: MethodCache = new MethodCache();

  constructor(home: ReferenceHome, address: Address, options: CallOptions) {
    this.#home = home;
    this.#address = Object.freeze(address);
    this.#options = options;
    this.#fault = addressFault(address) ?? optionFault(options);
  }

  get(_target: object, name: string | symbol): unknown {
    if (typeof name === 'symbol') return name === ADDRESS ? this.#address : undefined;
    const known = this.#methods.get(name);
    if (known !== undefined) return known;
    switch (name) {
      case 'then':
        return undefined;
      case 'tell':
        return (this.#tells ??= new Proxy(TARGET, new TellHandler(this)));
      case 'toString':
      case 'valueOf':
        return () => addressText(this.#address);
      case 'toJSON':
        return () => this.#address;
      case 'with':
        return (more: CallOptions): unknown =>
          makeReference(this.#home, this.#address, mergeOptions(this.#options, more));
      default:
        return this.#methods.keep(name, this.#callOf(name));
    }
  }

  #callOf(name: string): Method {
    const { client } = this.#home;
    let route: Route | undefined;
    return (...args) => {
      if (this.#fault !== undefined) return Promise.reject(this.#fault);
      route ??= client.route(this.#address, name, this.#options);
      return client.call(route, args);
    };
  }

  tellOf(name: string): Method {
    const { client, onLost } = this.#home;
    let route: Route | undefined;
    return (...args) => {
      if (this.#fault === undefined) {
        route ??= client.route(this.#address, name, this.#options);
        client.tell(route, args, onLost);
      } else onLost({ address: this.#address, handler: name, args: new Uint8Array(0), error: this.#fault });
    };
  }
}

/** What stands behind `ref.tell`. */
class TellHandler implements ProxyHandler<object> {
  readonly #reference: ReferenceHandler;
  readonly #methods: MethodCache = new MethodCache();

  constructor(reference: ReferenceHandler) {
    this.#reference = reference;
  }

  get(_target: object, name: string | symbol): unknown {
    if (typeof name !== 'string' || name === 'then') return undefined;
    return this.#methods.get(name) ?? this.#methods.keep(name, this.#reference.tellOf(name));
  }
}

/** A reference to `address`. Faults of the address or the options are told by its calls. */
export function makeReference<A extends ActorType>(
  home: ReferenceHome,
  { tenant, type, key }: Address,
  options: CallOptions = {},
): Ref<A> {
  return new Proxy(TARGET, new ReferenceHandler(home, { tenant, type, key }, options)) as unknown as Ref<A>;
}

/** What is no object stays what it is, so that the check can say so. */
function mergeOptions(options: CallOptions, more: CallOptions): CallOptions {
  return typeof more === 'object' && more !== null ? { ...options, ...more } : more;
}
