/** Names of frames: shared once they come again, never mixed up, and never kept when malformed. */
import { describe, expect, test } from 'vitest';
import type { Address } from '../../src/base/address.ts';
import { FRAME_KIND, Frame, encodeFrame } from '../../src/frame/frame.ts';
import { NameCache } from '../../src/frame/name-cache.ts';

function frameTo(target: Address, handler: string, source?: Address): Frame {
  const bytes = encodeFrame({
    kind: FRAME_KIND.call,
    shard: 1,
    messageId: 1,
    timeMs: 0,
    source,
    target,
    handler,
    payload: new Uint8Array(3),
  });
  return new Frame(bytes);
}

/** Names of all lengths and many divisions of the same letters. */
function* addresses(): Generator<Address> {
  for (let i = 0; i < 10_000; i++) {
    const letters = `${i}`.repeat(1 + (i % 40));
    const first = i % (letters.length + 1);
    const second = first + ((i >> 3) % (letters.length - first + 1));
    yield { tenant: `t${letters.slice(0, first)}`, type: letters.slice(first, second), key: letters.slice(second) };
  }
}

describe('names of frames', () => {
  test('every address is its own, also where thousands fall on the same slots', () => {
    for (let round = 0; round < 3; round++) {
      for (const address of addresses()) {
        const frame = frameTo(address, address.key, address);
        expect(frame.target).toEqual(address);
        expect(frame.source).toEqual(address);
        expect(frame.handler).toBe(address.key);
      }
    }
  });

  test('an actor that is named again is one frozen object', () => {
    const alice = { tenant: 'acme', type: 'account', key: 'alice €' };
    void [frameTo(alice, 'deposit').target, frameTo(alice, 'withdraw').target];
    const { target } = frameTo(alice, 'deposit');
    expect(frameTo(alice, 'withdraw').target).toBe(target);
    expect(frameTo({ ...alice, key: 'bob' }, 'note', alice).source).toBe(target);
    expect(Object.isFrozen(target)).toBe(true);
  });

  test('what is malformed throws each time', () => {
    const frame = frameTo({ tenant: 'acme', type: 'account', key: 'k' }, '');
    frame.bytes[frame.bytes.length - 4] = 0xff;
    for (let i = 0; i < 4; i++) expect(() => new Frame(frame.bytes).target).toThrow('not UTF-8');
  });
});

describe('name cache', () => {
  test('bytes of one hash, shape and slot are told apart', () => {
    const cache = new NameCache<number>(1);
    const bytes = Uint8Array.from({ length: 64 }, (_, i) => i);
    for (let start = 0; start < 24; start++) {
      for (const end of [start + 8, start + 9, start + 31]) {
        expect(cache.find(bytes, start, end, 7)).toBeUndefined();
        expect(cache.keep(bytes, start, end, 7, end)).toBe(false);
        expect(cache.find(bytes, start, end, 7)).toBeUndefined();
        expect(cache.keep(bytes, start, end, 7, end)).toBe(true);
        expect(cache.find(bytes, start, end, 7)).toBe(end);
        expect(cache.find(bytes, start, end, 8)).toBeUndefined();
      }
    }
  });
});
