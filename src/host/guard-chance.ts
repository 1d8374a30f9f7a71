/**
 * Chance: `Math.random` and whatever `crypto` draws, from the seed of the turn. The same turn draws
 * the same numbers at every replay, so none of it may serve as a secret: keys are made in an effect,
 * and the functions that make them throw here.
 */
import crypto from 'node:crypto';
import { type AnyFunction, disguise, type Members, type Placement } from './guard-seal.ts';

/** Where chance comes from. */
export interface ChanceSource {
  random(): number;
  fillRandom(bytes: Uint8Array): void;
  uuid(): string;
}

/** Most bytes of one `getRandomValues` call, by the Web Cryptography standard. */
const QUOTA_BYTES = 65_536;

/** Widest range of `randomInt`, by Node's documentation. */
const INT_RANGE = 2 ** 48 - 1;

/** Replaces them. `deny(what)` makes the function that throws in the place of `what`. */
export function guardChance(source: ChanceSource, deny: (what: string) => AnyFunction, place: Placement): void {
  const random = (): number => source.random();
  place.value(Math, 'random', random);
  // In a realm that is locked down Math cannot change, but its name can mean another.
  if (Object.isFrozen(Math))
    place.value(globalThis, 'Math', Object.freeze(Object.create(Math, { random: { value: random } })));
  place.freeze(Math);
  const uuid = disguise(() => source.uuid(), 'randomUUID', 0);
  const values = disguise((view: ArrayBufferView) => fillView(view, source), 'getRandomValues', 1);
  const web = globalThis.crypto;
  const prototype = Object.getPrototypeOf(web) as object;
  place.value(prototype, 'randomUUID', uuid);
  place.value(prototype, 'getRandomValues', values);
  place.value(globalThis, 'crypto', web);

  const module = crypto as unknown as Members;
  const bytes = randomBytesOf(source, deny('crypto.randomBytes with a callback'));
  place.member(module, 'randomUUID', uuid);
  for (const name of ['randomBytes', 'pseudoRandomBytes', 'prng', 'rng'])
    if (name in module) place.member(module, name, bytes);
  place.member(module, 'randomInt', randomIntOf(source, deny('crypto.randomInt with a callback')));
  place.member(module, 'randomFillSync', randomFillOf(source));
  for (const name of [
    'randomFill',
    'generateKey',
    'generateKeyPair',
    'generateKeySync',
    'generateKeyPairSync',
    'generatePrime',
    'generatePrimeSync',
  ]) {
    place.member(module, name, deny(`crypto.${name}`));
  }
}

function fillView(view: ArrayBufferView, source: ChanceSource): ArrayBufferView {
  if (
    !ArrayBuffer.isView(view) ||
    view instanceof DataView ||
    view instanceof Float32Array ||
    view instanceof Float64Array
  ) {
    throw new DOMException('The data argument must be an integer-type TypedArray', 'TypeMismatchError');
  }
  if (view.byteLength > QUOTA_BYTES)
    throw new DOMException(`The requested length exceeds ${QUOTA_BYTES} bytes`, 'QuotaExceededError');
  source.fillRandom(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  return view;
}

// Arguments out of range go to the real function, which refuses them in Node's own words.

function randomBytesOf(source: ChanceSource, denied: AnyFunction): AnyFunction {
  const real = crypto.randomBytes;
  return disguise(
    (size: number, callback?: unknown): unknown => {
      if (callback !== undefined) return denied();
      if (!Number.isSafeInteger(size) || size < 0 || size > 2 ** 31 - 1) return real(size);
      const bytes = Buffer.alloc(size);
      source.fillRandom(bytes);
      return bytes;
    },
    'randomBytes',
    2,
  );
}

function randomIntOf(source: ChanceSource, denied: AnyFunction): AnyFunction {
  const real = crypto.randomInt as (min: unknown, max?: unknown) => number;
  return disguise(
    (first: unknown, second?: unknown, third?: unknown): unknown => {
      if (typeof second === 'function' || third !== undefined) return denied();
      const [min, max] = (second === undefined ? [0, first] : [first, second]) as [number, number];
      const range = max - min;
      if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || range <= 0 || range > INT_RANGE)
        return real(first, second);
      const bytes = Buffer.alloc(6);
      // Draws above the greatest multiple of the range are thrown away, since they would favour small numbers.
      const limit = 2 ** 48 - (2 ** 48 % range);
      for (;;) {
        source.fillRandom(bytes);
        const draw = bytes.readUIntBE(0, 6);
        if (draw < limit) return min + (draw % range);
      }
    },
    'randomInt',
    3,
  );
}

function randomFillOf(source: ChanceSource): AnyFunction {
  const real = crypto.randomFillSync as (buffer: unknown, offset?: unknown, size?: unknown) => unknown;
  return disguise(
    (buffer: ArrayBuffer | ArrayBufferView, offset = 0, size?: number): unknown => {
      const view = ArrayBuffer.isView(buffer);
      const unit = view ? ((buffer as Uint8Array).BYTES_PER_ELEMENT ?? 1) : 1;
      const from = offset * unit;
      const length = size === undefined ? buffer?.byteLength - from : size * unit;
      const valid =
        Number.isSafeInteger(from) &&
        Number.isSafeInteger(length) &&
        from >= 0 &&
        length >= 0 &&
        from + length <= buffer.byteLength;
      if (!valid) return real(buffer, offset, size);
      source.fillRandom(
        view ? new Uint8Array(buffer.buffer, buffer.byteOffset + from, length) : new Uint8Array(buffer, from, length),
      );
      return buffer;
    },
    'randomFillSync',
    3,
  );
}
