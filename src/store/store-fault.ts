/**
 * What is wrong with a store: where, as exactly as can be told, and in words. One is made for each thing
 * found; whoever looks decides how many it wants to hear of.
 */
import { SynapseError } from '../base/error.ts';
import { hexOf } from '../base/hash.ts';
import { messageOf } from './directory.ts';
import { KIND } from './schema.ts';

/** Something that is not as it was written. */
export interface StoreFault {
  /** Missing where a row belongs to no tenant. */
  readonly tenant?: string;
  readonly seq?: number;
  /** The row, by its kind and the rest of its key in hex. */
  readonly row?: string;
  /** Offset of the changed byte in the row's value, or in the record where the row is a batch; of the key: negative. */
  readonly byte?: number;
  readonly message: string;
}

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(KIND).map(([name, kind]) => [kind, name]));

/** A row's name: `index 00000003 0000000000000001`, without a space in between. */
export function rowName(key: Uint8Array): string {
  const kind = NAMES.get(key[0] ?? 0) ?? `kind ${hexOf(key.subarray(0, 1))}`;
  return `${kind} ${hexOf(key.subarray(1))}`;
}

/** A fault of what a check threw; anything but damage is thrown again. */
export function faultOf(error: unknown): StoreFault {
  if (!(error instanceof SynapseError) || (error.code !== 'STORE_CORRUPT' && error.code !== 'DIVERGED')) throw error;
  const { tenant, seq, byte, row } = error.details;
  return {
    message: error.message,
    ...(typeof tenant === 'string' ? { tenant } : {}),
    ...(typeof seq === 'number' ? { seq } : {}),
    ...(typeof byte === 'number' ? { byte } : {}),
    ...(typeof row === 'string' ? { row } : {}),
  };
}

/** Runs a check that throws at the first damage. */
export function faultsOf(check: () => void): StoreFault[] {
  try {
    check();
    return [];
  } catch (error) {
    return [faultOf(error)];
  }
}

/** What a store says that failed and was not reopened. */
export function unavailable(cause: unknown): SynapseError {
  return new SynapseError('STORE_UNAVAILABLE', `the store failed and was not reopened: ${messageOf(cause)}`, {}, cause);
}

/** What it says after it was closed. */
export function closed(): SynapseError {
  return new SynapseError('CLOSED', 'the store is closed');
}
