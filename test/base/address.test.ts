/** Shards by their golden values, and names by their rule: a change here would lose every store. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NAME_MAX_BYTES, addressText, nameFault, shardOf } from '../../src/base/address.ts';

test.each([
  ['acme', 64, 45],
  ['acme', 65_536, 13_229],
  ['umbrella', 64, 9],
  ['Größe', 64, 0],
  ['日本', 7, 3],
  ['a', 1, 0],
])('the shard of %s among %i is %i for good', (tenant, shards, shard) => {
  expect(shardOf(tenant, shards)).toBe(shard);
});

test('a shard is the first 32 bits of SHA-256 of the name, modulo the number of shards', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 65_536 }), (tenant, shards) => {
      const hex = createHash('sha256').update(tenant, 'utf8').digest('hex');
      expect(shardOf(tenant, shards)).toBe(Number.parseInt(hex.slice(0, 8), 16) % shards);
    }),
  );
});

test.each([
  ['a name of 256 bytes', 'é'.repeat(NAME_MAX_BYTES / 2), undefined],
  ['a name of 257 bytes', `${'é'.repeat(NAME_MAX_BYTES / 2)}x`, 'at most 256 bytes'],
  ['an empty name', '', 'empty'],
  ['a lone surrogate', '\ud800', 'well-formed'],
  ['NUL', 'a\0b', 'control'],
  ['a C1 control character', 'a\u0085b', 'control'],
  ['a path that climbs', '../../etc', undefined],
  ['a number', 7, 'must be a string, got number'],
  ['null', null, 'got null'],
])('%s is judged as it should be', (_what, name, fault) => {
  if (fault === undefined) expect(nameFault(name)).toBeUndefined();
  else expect(nameFault(name)).toContain(fault);
});

test('an address reads as tenant, type and key', () => {
  expect(addressText({ tenant: 'acme', type: 'account', key: 'alice' })).toBe('acme/account/alice');
});
