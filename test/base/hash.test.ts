/**
 * Two ways to SHA-256, one result: Node's own on hot paths, and the one of @noble/hashes that the
 * portable verifier uses.
 */
import { createHmac } from 'node:crypto';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hexOf, hmacSha256, sha256, sha256Hex, sha256Of } from '../../src/base/hash.ts';

it('agrees with @noble/hashes on any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(sha256(bytes)).toEqual(nobleSha256(bytes));
    }),
  );
});

it('agrees with itself whether the bytes come whole, in pieces or as hex', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (a, b) => {
      const whole = new Uint8Array([...a, ...b]);
      expect(sha256Of([a, b])).toEqual(sha256(whole));
      expect(hexOf(sha256(whole))).toBe(sha256Hex(whole));
    }),
  );
});

it("agrees with Node's HMAC for every key of 32 bytes and any message", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array({ maxLength: 300 }), (key, message) => {
      expect(hexOf(hmacSha256(key, message))).toBe(createHmac('sha256', key).update(message).digest('hex'));
    }),
  );
});
