/**
 * What a message hands to its handler: bytes, which each receiver decodes into values of its own, or the values
 * themselves where all of them are short and none can be changed. Those need no copy; their bytes are made when
 * somebody wants to keep them (a turn that gets two numbers 0.2 µs of 1.5 less).
 */
import { decodeArguments, encodeArguments } from '../frame/codec.ts';
import { isShort } from './cell.ts';

/** Longer lists are encoded at once, so that no list is looked at for long. */
const VALUES_MAX = 8;

const NO_VALUES: readonly never[] = [];

export class Arguments {
  // Either the values or the bytes: what is kept for long takes the place that its bytes take, and no more.
  #values: readonly unknown[] | undefined;
  #bytes: Uint8Array | undefined;

  private constructor(values: readonly unknown[] | undefined, bytes: Uint8Array | undefined) {
    this.#values = values;
    this.#bytes = bytes;
  }

  static readonly none: Arguments = Arguments.read(encodeArguments([]));

  /**
   * Of a list that nobody else has.
   *
   * @throws SynapseError `UNSERIALIZABLE`, `TOO_LARGE`
   */
  static of(values: readonly unknown[]): Arguments {
    if (values.length === 0) return Arguments.none;
    return areShort(values) ? new Arguments(values, undefined) : Arguments.read(encodeArguments(values));
  }

  static read(bytes: Uint8Array): Arguments {
    return new Arguments(undefined, bytes);
  }

  get bytes(): Uint8Array {
    if (this.#bytes === undefined) {
      this.#bytes = encodeArguments(this.#values ?? NO_VALUES);
      this.#values = undefined;
    }
    return this.#bytes;
  }

  /** The values, which are the receiver's own. The list is not: it is to be spread. */
  values(): readonly unknown[] {
    if (this === Arguments.none) return NO_VALUES;
    return this.#values ?? decodeArguments(this.bytes);
  }
}

function areShort(values: readonly unknown[]): boolean {
  if (values.length > VALUES_MAX) return false;
  for (const value of values) if (!isShort(value)) return false;
  return true;
}
