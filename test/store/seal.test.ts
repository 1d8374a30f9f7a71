/** A tenant's seal and its keys: what goes in comes out, nothing else does, and nothing is used twice. */
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hexOf, sha256 } from '../../src/base/hash.ts';
import { ByteWriter } from '../../src/store/binary.ts';
import { CipherSeal, SealSession } from '../../src/store/cipher-seal.ts';
import { KeyRing } from '../../src/store/key-ring.ts';
import { FileKeySlots, KEY_FILE, MemoryKeySlots } from '../../src/store/key-slots.ts';
import { leafOf, type TenantSeal } from '../../src/store/tenant-seal.ts';
import { bytes } from './records.ts';

const KEY = new Uint8Array(32).fill(7);
const ROW = bytes('a row key');

/** Chance for tests: never the same twice. */
function filler(): (out: Uint8Array) => void {
  let next = 1;
  return (out) => out.set(sha256(`chance ${next++}`).subarray(0, out.length));
}

const sealOf = (key: Uint8Array = KEY, fill = filler()): CipherSeal =>
  new CipherSeal(key.slice(), new SealSession(fill));
const row = (payload: Uint8Array): ByteWriter => new ByteWriter().raw(payload);
const openRing = (ring: KeyRing, tenantNo: number): TenantSeal => {
  const seal = ring.sealOf(tenantNo);
  if (seal === undefined || seal === 'erased') throw new Error(`no seal of ${tenantNo}: ${seal}`);
  return seal;
};

test('a seal opens what it sealed under the same row key, in another session too', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3_000 }), fc.uint8Array({ minLength: 1, maxLength: 60 }), (payload, key) => {
      const value = sealOf(KEY, filler()).seal(key, row(payload));
      const other = sealOf(KEY, (out) => out.fill(9));
      expect(hexOf(other.open(key, value) ?? bytes('nothing'))).toBe(hexOf(payload));
      expect(Buffer.from(value).includes(Buffer.from(payload)) && payload.length > 8).toBe(false);
    }),
  );
});

test('a seal opens nothing with another key, under another row, cut, or with any bit flipped', () => {
  const value = sealOf().seal(ROW, row(bytes('the balance is 12')));
  expect(sealOf(new Uint8Array(32).fill(8)).open(ROW, value)).toBeUndefined();
  expect(sealOf().open(bytes('b row key'), value)).toBeUndefined();
  for (let length = 0; length < value.length; length++)
    expect(sealOf().open(ROW, value.slice(0, length))).toBeUndefined();
  for (let bit = 0; bit < value.length * 8; bit++) {
    const damaged = value.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(sealOf().open(ROW, damaged), `bit ${bit}`).toBeUndefined();
  }
});

test('no session and counter comes twice: not within a session, not between tenants, not after reloading', () => {
  const seen = new Set<string>();
  const ring = new KeyRing(new MemoryKeySlots());
  ring.create();
  ring.load();
  for (let round = 0; round < 5; round++) {
    const seals = [0, 1].map((tenantNo) => (round === 0 ? ring.draw(tenantNo) : openRing(ring, tenantNo)));
    ring.secure();
    for (let i = 0; i < 200; i++)
      for (const seal of seals) seen.add(hexOf(seal.seal(ROW, row(bytes('same'))).subarray(0, 24)));
    ring.load();
  }
  expect(seen.size).toBe(5 * 2 * 200);
});

test('names in keys and salts of leaves are of one tenant alone, and a leaf is the HMAC of its record under its salt', () => {
  const [one, two] = [sealOf(KEY), sealOf(new Uint8Array(32).fill(8))];
  const name = sha256('balance');
  expect(hexOf(one.shortName(name))).toBe(hexOf(sealOf(KEY).shortName(name)));
  expect(hexOf(one.shortName(name))).not.toBe(hexOf(two.shortName(name)));
  expect(hexOf(one.shortName(name))).not.toBe(hexOf(name.subarray(0, 16)));
  expect(hexOf(one.pageName(0, 'a1'))).not.toBe(hexOf(one.pageName(1, 'a1')));
  expect(one.pageName(0, 'a1').length).toBe(16);
  const record = bytes('deposit 10');
  const salts = [1, 2, 3, 2 ** 40].map((seq) => one.saltOf(seq));
  expect(new Set([...salts, ...[1, 2].map((seq) => two.saltOf(seq))].map(hexOf)).size).toBe(6);
  expect(hexOf(leafOf(one, 2, record))).toBe(
    createHmac('sha256', salts[1] as Uint8Array)
      .update(record)
      .digest('hex'),
  );
});

test('a ring gives a tenant its key again after reloading, and forgets keys that were drawn and not made durable', () => {
  const slots = new MemoryKeySlots();
  const ring = new KeyRing(slots);
  ring.create();
  ring.load();
  const value = ring.draw(0).seal(ROW, row(bytes('kept')));
  ring.secure();
  ring.draw(1);
  ring.load();
  expect(openRing(ring, 0).open(ROW, value)).toEqual(Buffer.from('kept'));
  expect(ring.sealOf(1)).toBeUndefined();
  const again = new KeyRing(slots);
  again.load();
  expect(openRing(again, 0).open(ROW, value)).toEqual(Buffer.from('kept'));
});

test('erasing overwrites a key where it stands, leaves its neighbours, and holds for a damaged key and a second time', () => {
  const dir = mkdtempSync(join(tmpdir(), 'synapse-keys.'));
  try {
    const keys: Buffer[] = [];
    const fill = filler();
    const ring = new KeyRing(new FileKeySlots(dir), (out) => {
      fill(out);
      if (out.length === 32) keys.push(Buffer.from(out));
    });
    ring.create();
    ring.load();
    const values = [0, 1, 2].map((tenantNo) => ring.draw(tenantNo).seal(ROW, row(bytes(`of ${tenantNo}`))));
    ring.secure();
    const path = join(dir, KEY_FILE);
    const before = readFileSync(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(keys.map((key) => before.includes(key))).toEqual([true, true, true]);
    writeFileSync(
      path,
      before.map((byte, at) => (at === 2 * 64 + 20 ? byte ^ 1 : byte)),
    );
    ring.load();
    expect(ring.sealOf(2)).toBeUndefined();
    for (const tenantNo of [1, 2, 1]) ring.erase(tenantNo);
    const after = readFileSync(path);
    expect(keys.map((key) => after.includes(key))).toEqual([true, false, false]);
    expect(after.subarray(0, 64)).toEqual(before.subarray(0, 64));
    expect(after.length).toBe(before.length);
    const reloaded = new KeyRing(new FileKeySlots(dir));
    for (const one of [ring, reloaded]) {
      one.load();
      expect([one.sealOf(1), one.sealOf(2)]).toEqual(['erased', 'erased']);
      expect(openRing(one, 0).open(ROW, values[0] as Uint8Array)).toEqual(Buffer.from('of 0'));
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test('the seal of an erased tenant writes and reads nothing any more', () => {
  const ring = new KeyRing(new MemoryKeySlots());
  ring.create();
  ring.load();
  const seal = ring.draw(0);
  const value = seal.seal(ROW, row(bytes('x')));
  ring.erase(0);
  expect(() => seal.seal(ROW, row(bytes('y')))).toThrow(/^bug: /);
  expect(() => seal.open(ROW, value)).toThrow(/^bug: /);
  expect(() => seal.saltOf(1)).toThrow(/^bug: /);
});
