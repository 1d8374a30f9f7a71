/**
 * Addresses: `tenant / type / key`, and the shard a tenant lives on. A name is never used as a path
 * and never joined into a key without its length, so no two addresses collide.
 */
import { SynapseError } from './error.ts';
import { sha256Hex } from './hash.ts';
import { hasControl, utf8Length } from './text.ts';

/** Longest tenant or key, in bytes of UTF-8: it must fit a frame's header field with room to spare. */
export const NAME_MAX_BYTES = 256;

/** Where a message goes: one actor of one tenant. Tenant and key are 1 to 256 bytes of UTF-8 without control characters. */
export interface Address {
  readonly tenant: string;
  readonly type: string;
  readonly key: string;
}

/** `acme/account/alice`, for people; not injective, so never a key of a map. */
export function addressText(address: Address): string {
  return `${address.tenant}/${address.type}/${address.key}`;
}

/** The address as a value for people's hands: a plain object that also reads as `tenant/type/key`. */
export function readableAddress({ tenant, type, key }: Address): Address {
  const address = { tenant, type, key };
  Object.defineProperty(address, 'toString', { value: () => addressText(address) });
  return Object.freeze(address);
}

/** Throws `INVALID_ADDRESS` unless `name` is 1 to 256 bytes of well-formed UTF-8 without control characters. */
export function checkName(part: 'tenant' | 'key', name: unknown): asserts name is string {
  const fault = nameFault(name);
  if (fault !== undefined) throw new SynapseError('INVALID_ADDRESS', `${part} ${fault}`, { part });
}

/** Says what is wrong with `name`, or nothing. */
export function nameFault(name: unknown): string | undefined {
  if (typeof name !== 'string') return `must be a string, got ${name === null ? 'null' : typeof name}`;
  if (name.length === 0) return 'must not be empty';
  // A UTF-16 unit takes at most three bytes: most names need no counting.
  if (name.length * 3 > NAME_MAX_BYTES && utf8Length(name) > NAME_MAX_BYTES) {
    return `must be at most ${NAME_MAX_BYTES} bytes of UTF-8, got ${utf8Length(name)}`;
  }
  if (!name.isWellFormed()) return 'must be well-formed Unicode (it holds a lone surrogate)';
  if (hasControl(name)) return 'must not hold control characters';
  return undefined;
}

/** Hashes of tenants seen lately; some 10 MB at the most. */
const knownPrefixes: Map<string, number> = new Map();
const KNOWN_PREFIXES_MAX = 50_000;

/**
 * The shard of a tenant: the first 32 bits of SHA-256 of its name, modulo `shards`.
 * Golden values stand in a test; a change of this function would lose every store.
 */
export function shardOf(tenant: string, shards: number): number {
  let prefix = knownPrefixes.get(tenant);
  if (prefix === undefined) {
    prefix = Number.parseInt(sha256Hex(tenant).slice(0, 8), 16);
    if (knownPrefixes.size >= KNOWN_PREFIXES_MAX) knownPrefixes.clear();
    knownPrefixes.set(tenant, prefix);
  }
  return prefix % shards;
}
