/** The audit log on disk: every size, proofs across tiles, trimming, damage, and checkpoints that never tell two stories. */
import { createPublicKey, verify } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CompactRange, leafHash, nodeHash } from '../../src/merkle/log.ts';
import { AUDIT_KEY_FILE, AuditKey } from '../../src/store/audit-key.ts';
import { MemoryKeyValue } from '../../src/store/memory.ts';
import { KIND, behind } from '../../src/store/schema.ts';
import { Store } from '../../src/store/store.ts';
import type { StepRecord } from '../../src/store/store.ts';
import { step } from './records.ts';

const numbered = (seq: number): StepRecord => ({ ...step('t', seq), shard: 0 });
const bodyOf = (seq: number): Uint8Array => numbered(seq).body;
const KEY = AuditKey.of(new Uint8Array(32).fill(7));
const open = (driver: MemoryKeyValue): Store => Store.open({ driver, shards: 1, auditKey: () => KEY, draw: () => 5 });

/** A log of `size` steps, in commits of the lengths that `chunks` repeats. */
function filled(size: number, chunks: readonly number[]): { driver: MemoryKeyValue; store: Store } {
  const driver = new MemoryKeyValue();
  const store = open(driver);
  for (let seq = 1, round = 0; seq <= size; round++) {
    const count = Math.min(chunks[round % chunks.length] as number, size - seq + 1);
    store.commit(
      Array.from({ length: count }, (_, i) => numbered(seq + i)),
      [],
    );
    seq += count;
  }
  return { driver, store };
}

/** The root as RFC 6962 section 2.1 words it. */
function naiveRoot(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 1) return hashes[0] as Uint8Array;
  let split = 1;
  while (split * 2 < hashes.length) split *= 2;
  return nodeHash(naiveRoot(hashes.slice(0, split)), naiveRoot(hashes.slice(split)));
}

/** Follows an inclusion proof up (RFC 9162 section 2.1.3.2). */
function climbs(leaf: Uint8Array, index: number, size: number, proof: readonly Uint8Array[]): Uint8Array {
  let [at, last, hash] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(sibling, hash);
      while (at % 2 === 0 && at !== 0) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
    } else hash = nodeHash(hash, sibling);
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return hash;
}

describe('the audit log of a tenant', () => {
  test('has at every size the root that the records give, whatever commits they came in', () => {
    const hashes: Uint8Array[] = [];
    const one = open(new MemoryKeyValue());
    for (let seq = 1; seq <= 600; seq++) {
      one.commit([numbered(seq)], []);
      hashes.push(leafHash(bodyOf(seq)));
      if (seq < 300 || seq % 37 === 0) expect(one.audit.head('t')).toEqual({ size: seq, root: naiveRoot(hashes) });
    }
    const { store, driver } = filled(600, [1, 250, 7, 90]);
    expect(store.audit.head('t')).toEqual(one.audit.head('t'));
    expect(open(driver).audit.head('t')).toEqual(one.audit.head('t'));
    for (const size of [0, 1, 255, 256, 257, 511, 512, 599])
      expect(store.audit.rootAt('t', size)).toEqual(one.audit.consistency('t', size, size).root1);
  });

  test('proves each step at each size that matters, across tiles of two levels', () => {
    const size = 66_000; // past 256 tiles of 256
    const { store } = filled(size, [2_000]);
    const range = CompactRange.empty();
    for (let seq = 1; seq <= size; seq++) range.append(leafHash(bodyOf(seq)));
    for (const seq of [1, 2, 256, 257, 65_536, 65_537, 65_999, 66_000]) {
      const { leafHash: hash, index, root, proof, leaf } = store.audit.inclusion('t', seq);
      expect(leaf).toEqual(bodyOf(seq));
      expect(hash).toEqual(leafHash(bodyOf(seq)));
      expect(climbs(hash, index, size, proof)).toEqual(root);
      expect(root).toEqual(range.root());
    }
    const early = store.audit.inclusion('t', 300, 301);
    expect(climbs(early.leafHash, 299, 301, early.proof)).toEqual(store.audit.rootAt('t', 301));
  });

  test('keeps its hashes when the journal is trimmed', () => {
    const { store, driver } = filled(700, [3, 100, 1]);
    const before = [1, 2, 256, 300, 700].map((seq) => store.audit.inclusion('t', seq, 700));
    const old = store.audit.consistency('t', 257, 700);
    store.commit([{ ...numbered(701), snapshot: { image: new Uint8Array(1), changes: [] } }], []);
    expect(store.trim({ keepSteps: 5 }).batches).toBeGreaterThan(10);
    const reopened = open(driver);
    expect([1, 2, 256, 300, 700].map((seq) => reopened.audit.inclusion('t', seq, 700))).toEqual(
      before.map((proof) => (proof.seq === 700 ? proof : { ...proof, leaf: undefined })),
    );
    expect(reopened.audit.consistency('t', 257, 700)).toEqual(old);
    reopened.commit([numbered(702)], []);
    expect(reopened.audit.consistency('t', 700).root1).toEqual(store.audit.rootAt('t', 700));
  });

  test('refuses steps and sizes that are not there, and says 0 leaves of a tenant that has none', () => {
    const { store } = filled(3, [3]);
    for (const ask of [
      () => store.audit.inclusion('t', 0),
      () => store.audit.inclusion('t', 4),
      () => store.audit.inclusion('t', 3, 2),
      () => store.audit.inclusion('t', 1.5),
      () => store.audit.consistency('t', 4),
      () => store.audit.consistency('t', 2, 1),
      () => store.audit.inclusion('nobody', 1),
    ])
      expect(ask).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(store.audit.head('nobody').size).toBe(0);
    expect(store.audit.checkpoint('nobody').split('\n')[1]).toBe('0');
  });

  test('finds a damaged tile, and trimmed leaves that are damaged or gone', () => {
    for (const kind of [KIND.tile, KIND.leaves]) {
      for (const isGone of [true, false]) {
        const { store, driver } = filled(600, [50]);
        store.commit([{ ...numbered(601), snapshot: { image: new Uint8Array(1), changes: [] } }], []);
        store.trim({});
        const [key, value] = driver.range(Uint8Array.of(kind), behind(Uint8Array.of(kind)), { limit: 1 })[0] ?? [];
        if (key === undefined || value === undefined) throw new Error(`there is no row of kind ${kind}`);
        driver.commit([[key, isGone ? null : value.with(5, (value[5] as number) ^ 4)]]);
        // Leaf 599's proof has the first tile's hashes in it; leaf 2's has the first leaves.
        const ask = (): unknown => store.audit.inclusion('t', kind === KIND.tile ? 599 : 2);
        expect(ask).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
      }
    }
  });
});

describe('checkpoints', () => {
  test('are signed notes that the verifier key checks, the same one until the log grows', () => {
    const { store, driver } = filled(5, [2]);
    const note = store.audit.checkpoint('t');
    expect(store.audit.checkpoint('t')).toBe(note);
    expect(open(driver).audit.checkpoint('t')).toBe(note);
    const [text = '', signatures = ''] = note.split('\n\n');
    const [origin = '', size, root] = text.split('\n');
    expect(size).toBe('5');
    expect(root).toBe(Buffer.from(store.audit.head('t').root).toString('base64'));
    const [name = '', keyId, key = ''] = KEY.verifierKey
      .split('+', 2)
      .concat(KEY.verifierKey.split('+').slice(2).join('+'));
    expect(origin).toMatch(new RegExp(`^${name}/[0-9a-f]{64}$`));
    const [dash, signer, encoded = ''] = signatures.trimEnd().split(' ');
    expect([dash, signer]).toEqual(['\u2014', name]);
    const raw = Buffer.from(encoded, 'base64');
    expect(raw.subarray(0, 4).toString('hex')).toBe(keyId);
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key, 'base64').subarray(1).toString('base64url') };
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
    expect(verify(null, Buffer.from(`${text}\n`), publicKey, raw.subarray(4))).toBe(true);
    store.commit([numbered(6)], []);
    expect(store.audit.checkpoint('t').split('\n').slice(0, 2)).toEqual([origin, '6']);
  });

  test('are not given out for a log that has lost what an earlier one told', () => {
    const { store, driver } = filled(5, [5]);
    const rows = driver.range(Uint8Array.of(0), Uint8Array.of(0xff));
    store.commit([numbered(6), numbered(7)], []);
    store.audit.checkpoint('t');
    const note = driver.range(Uint8Array.of(KIND.note), Uint8Array.of(KIND.note + 1));
    const older = new MemoryKeyValue();
    older.commit([...rows, ...note]);
    const rolledBack = open(older);
    expect(() => rolledBack.audit.checkpoint('t')).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
    rolledBack.commit([{ ...numbered(6), body: new Uint8Array(3) }, numbered(7), numbered(8)], []);
    expect(() => rolledBack.audit.checkpoint('t')).toThrow(/audit log behind a checkpoint.*7/);
  });

  test('cover all tenants of the host in one root, and no name is told', () => {
    const driver = new MemoryKeyValue();
    const store = open(driver);
    for (const tenant of ['acme', 'umbrella', 'initech']) store.commit([{ ...step(tenant, 1), shard: 0 }], []);
    const host = store.audit.hostCheckpoint();
    expect(host).not.toMatch(/acme|umbrella|initech/);
    expect(host.split('\n').slice(0, 2)).toEqual([KEY.name, '3']);
    expect(host.split('\n')[3]).toBe('commit 3');
    for (const tenant of ['acme', 'umbrella', 'initech']) {
      const { leafHash: hash, index, size, proof, root, salt, note } = store.audit.hostInclusion(tenant);
      expect(note).toBe(host);
      const body = store.audit.checkpoint(tenant).split('\n\n')[0];
      expect(hash).toEqual(leafHash(Buffer.from(`${body}\n`)));
      expect(climbs(hash, index, size, proof)).toEqual(root);
      expect(salt.length).toBe(16);
    }
  });

  test('come with a key that is made once in its directory, for its owner alone', () => {
    const dir = mkdtempSync(join(tmpdir(), 'synapse-key-'));
    try {
      expect(AuditKey.read(dir)).toBeUndefined();
      const made = AuditKey.open(dir);
      expect(AuditKey.open(dir).verifierKey).toBe(made.verifierKey);
      expect(statSync(join(dir, AUDIT_KEY_FILE)).mode & 0o777).toBe(0o600);
    } finally {
      rmSync(dir, { recursive: true });
    }
    for (const bad of ['no key', new Uint8Array(31)])
      expect(() => AuditKey.of(bad)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});

test('tenants that nobody has counted are told of as of their snapshots, but for those whose log cannot be read there', () => {
  const driver = new MemoryKeyValue();
  const store = open(driver);
  for (const tenant of ['counted', 'damaged', 'sound']) {
    store.commit([{ ...step(tenant, 1), shard: 0, snapshot: { image: new Uint8Array(1), changes: [] } }], []);
    // Enough of them to leave the tenant row for an index row, the first one's entry too.
    store.commit(
      Array.from({ length: 40 }, (_, i) => ({ ...step(tenant, 2 + i), shard: 0 })),
      [],
    );
  }
  const statuses = (): readonly string[] => store.audit.statuses(new Set(['counted'])).map(({ tenant }) => tenant);
  expect(statuses()).toEqual(['damaged', 'sound']);
  const [sound] = store.audit.statuses(new Set(['counted', 'damaged']));
  expect([sound?.snapshotSeq, sound?.auditRoot]).toEqual([1, store.audit.rootAt('sound', 1)]);
  const rows = driver.range(Uint8Array.of(KIND.index), behind(Uint8Array.of(KIND.index)));
  const [key, value] = rows[1] ?? []; // one row of each tenant, in the order of their numbers
  if (key === undefined || value === undefined) throw new Error('there is no such row');
  driver.commit([[key, value.with(5, (value[5] as number) ^ 1)]]);
  expect(statuses()).toEqual(['sound']);
});
