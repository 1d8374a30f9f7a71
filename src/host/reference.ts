/**
 * References of the embedder: an address with a method for every name. A call never throws, it
 * rejects; a reference is not thenable; making one costs nothing and activates nothing.
 */
import type { ActorType } from '../actor/actor-type.ts';
import { ADDRESS, type CallOptions, type Ref } from '../actor/reference-types.ts';
import { type Address, addressText, checkName } from '../base/address.ts';
import { SynapseError } from '../base/error.ts';
import { type Client, type LostTell, TIMEOUT_MAX_MS } from './client.ts';

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

/** A reference to `address`. Faults of the address or the options are told by its calls. */
export function makeReference<A extends ActorType>(
  home: ReferenceHome,
  address: Address,
  options: CallOptions = {},
): Ref<A> {
  const fault = addressFault(address) ?? optionFault(options);
  const call = (handler: string, args: readonly unknown[]): Promise<unknown> =>
    fault === undefined ? home.client.call(address, handler, args, options) : Promise.reject(fault);
  const tell = (handler: string, args: readonly unknown[]): void => {
    if (fault === undefined) home.client.tell(address, handler, args, options, home.onLost);
    else home.onLost({ address, handler, args: new Uint8Array(0), error: fault });
  };
  const tells = new Proxy(Object.freeze({}), {
    get: (_target, name) =>
      typeof name === 'string' && name !== 'then' ? (...args: unknown[]): void => tell(name, args) : undefined,
  });
  const whole = Object.freeze({ tenant: address.tenant, type: address.type, key: address.key });
  return new Proxy(Object.freeze({}), {
    get(_target, name): unknown {
      if (name === ADDRESS) return whole;
      if (typeof name !== 'string' || name === 'then') return undefined;
      if (name === 'tell') return tells;
      if (name === 'toString' || name === 'valueOf') return () => addressText(whole);
      if (name === 'toJSON') return () => whole;
      if (name === 'with')
        return (more: CallOptions): unknown => makeReference(home, address, mergeOptions(options, more));
      return (...args: unknown[]): Promise<unknown> => call(name, args);
    },
  }) as unknown as Ref<A>;
}

/** What is no object stays what it is, so that the check can say so. */
function mergeOptions(options: CallOptions, more: CallOptions): CallOptions {
  return typeof more === 'object' && more !== null ? { ...options, ...more } : more;
}
