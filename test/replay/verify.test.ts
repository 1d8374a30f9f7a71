/** Verification: a sound store is sound, and every edit of a stored byte, every row lost or added is found. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSystem } from 'synapse-actors';
import { testSystem } from 'synapse-actors/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/base/seeded.ts';
import { verifyStore, type VerifyReport } from '../../src/replay/verify.ts';
import { ByteWriter } from '../../src/store/binary.ts';
import type { Row } from '../../src/store/key-value.ts';
import { openLmdb } from '../../src/store/lmdb.ts';
import { KIND } from '../../src/store/schema.ts';
import { openStoreView } from '../../src/store/store-view.ts';
import { Store } from '../../src/store/store.ts';
import { feud, openWorkload, richRound, unitOf, WORKLOAD_ACTORS } from './rich-workload.ts';
import { StoredRows } from './stored-rows.ts';

const MODULES = { actors: [WORKLOAD_ACTORS.href], previous: [] };

/** Edits tried in one run of this file; all 10,000 with VERIFY_EDITS=10000. */
const EDITS = Number(process.env['VERIFY_EDITS'] ?? 300);
const SEED = Number(process.env['VERIFY_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

let root: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'synapse-verify-'));
  for (const [name, options] of [
    ['plain', {}],
    ['sealed', { encryption: true }],
    ['trimmed', { retention: { keepSteps: 3 } }],
  ] as const) {
    const system = await openWorkload(options);
    await richRound(system, 0);
    await system.snapshot();
    await system.audit('acme').checkpoint();
    await richRound(system, 1);
    await feud(system);
    if (name === 'trimmed') {
      await system.snapshot();
      for (let i = 0; i < 4; i++) await unitOf(system, 'acme', 'a')['add']?.(1);
    }
    await system.backup(join(root, name));
    await system.close();
  }
  const store = Store.open({ driver: openLmdb(join(root, 'trimmed')), shards: 4 });
  store.trim({ keepSteps: 3 });
  store.close();
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

function verifyDir(name: string, replays = true): Promise<VerifyReport> {
  const view = openStoreView(join(root, name));
  return verifyStore({ view, modules: replays ? MODULES : undefined }).finally(() => view.close());
}

async function verifyRows(rows: StoredRows): Promise<VerifyReport> {
  return verifyStore({ view: rows.view(), modules: undefined });
}

describe('verify', () => {
  it.each(['plain', 'sealed', 'trimmed'])('finds nothing in a store that is sound: %s', async (name) => {
    const report = await verifyDir(name);
    expect(report).toMatchObject({ faults: [], skipped: [], tenants: 2 });
    expect(report.replayed < report.records, 'what was trimmed is not replayed').toBe(name === 'trimmed');
    expect(report.replayed).toBeGreaterThan(0);
  });

  it('knows an erased tenant by the hashes of its log, and verifies the others', async () => {
    const system = await openWorkload({ encryption: true });
    await richRound(system, 0);
    await system.erase('acme');
    await system.backup(join(root, 'gone'));
    await system.close();
    const report = await verifyDir('gone');
    expect(report).toMatchObject({ faults: [], erased: ['acme'], tenants: 1 });
  });

  it('finds a changed byte of a key, of an erased tenant too, and names whose it is', async () => {
    const system = await openWorkload({ encryption: true });
    await richRound(system, 0);
    await system.erase('acme');
    await system.backup(join(root, 'keys'));
    await system.close();
    const path = join(root, 'keys', 'keys.bin');
    const keys = readFileSync(path);
    expect(keys.length).toBe(128);
    const named = new Set<string>();
    for (let at = 0; at < keys.length; at += 5) {
      writeFileSync(
        path,
        keys.map((byte, i) => (i === at ? byte ^ 4 : byte)),
      );
      const { faults } = await verifyDir('keys', false);
      expect(
        faults.map(({ message }) => message.slice(0, 6)),
        `byte ${at}`,
      ).toContainEqual(expect.stringMatching(/tenant|key of/));
      named.add(`${Math.floor(at / 64)} ${[...new Set(faults.map(({ tenant }) => tenant))].join()}`);
    }
    expect(
      [...named]
        .toSorted()
        .map((one) => one.slice(2))
        .toSorted(),
    ).toEqual(['acme', 'umbrella']);
  }, 60_000);

  it('says which tenants were not replayed, and why', async () => {
    const report = await verifyDir('plain', false);
    expect(report).toMatchObject({ faults: [], replayed: 0 });
    expect(report.skipped.map(({ tenant }) => tenant)).toEqual(['acme', 'umbrella']);
    const view = openStoreView(join(root, 'plain'));
    const missing = await verifyStore({ view, modules: { actors: ['file:///nowhere/actors.js'], previous: [] } });
    view.close();
    expect(missing.skipped[0]).toMatchObject({ tenant: 'acme', reason: expect.stringContaining('nowhere') });
  });

  it.each(['plain', 'sealed', 'trimmed'])(
    `finds random edits of single bytes: %s`,
    async (name) => {
      const rows = new StoredRows(join(root, name));
      const random = randomOf(SEED);
      const missed: string[] = [];
      for (let edit = 0; edit < Math.ceil(EDITS / 3); edit++) {
        const row = rows.rows[Math.floor(random.random() * rows.rows.length)] as Row;
        const { changed, text } = flipped(row, random);
        const { faults } = await rows.edited(row, changed, () => verifyRows(rows));
        if (faults.length === 0) missed.push(text);
      }
      expect(
        missed,
        `VERIFY_SEED=${SEED} VERIFY_EDITS=${EDITS} npx vitest run dist/test/replay/verify.test.js`,
      ).toEqual([]);
      expect((await verifyRows(rows)).faults).toEqual([]);
    },
    600_000,
  );

  it('names the byte that was changed, and the row, tenant and step it stands in', async () => {
    const rows = new StoredRows(join(root, 'plain'));
    const random = randomOf(SEED);
    for (let edit = 0; edit < 40; edit++) {
      const row = rows.rows[Math.floor(random.random() * rows.rows.length)] as Row;
      if (row[0][0] === KIND.batch) continue;
      const at = Math.floor(random.random() * row[1].length);
      const value = row[1].slice();
      value[at] = (value[at] as number) ^ (1 + Math.floor(random.random() * 255));
      const { faults } = await rows.edited(row, [row[0], value], () => verifyRows(rows));
      const found = faults.find((fault) => fault.byte === at && fault.row?.endsWith(hex(row[0].subarray(1))));
      expect(found, `VERIFY_SEED=${SEED}, byte ${at} of ${hex(row[0])}`).toBeDefined();
    }
    const batch = rows.rows.find(([key]) => key[0] === KIND.batch) as Row;
    const value = batch[1].slice();
    value[30] = (value[30] as number) ^ 4;
    const { faults } = await rows.edited(batch, [batch[0], value], () => verifyRows(rows));
    expect(faults).toEqual([
      expect.objectContaining({ tenant: expect.any(String), seq: expect.any(Number), byte: 30 }),
    ]);
  });

  it.each(['plain', 'sealed', 'trimmed'])(
    'finds every row that is lost: %s',
    async (name) => {
      const rows = new StoredRows(join(root, name));
      const missed: string[] = [];
      for (const row of rows.rows) {
        // Whether a checkpoint was ever given out nothing else tells; how many events there are a replay does.
        if (row[0][0] === KIND.note || row[0][0] === KIND.events) continue;
        const { faults } = await rows.edited(row, null, () => verifyRows(rows));
        if (faults.length === 0) missed.push(hex(row[0]));
      }
      expect(
        missed,
        `VERIFY_SEED=${SEED} VERIFY_EDITS=${EDITS} npx vitest run dist/test/replay/verify.test.js`,
      ).toEqual([]);
    },
    600_000,
  );

  it('finds events that are lost, the last ones too, by replay', async () => {
    const rows = new StoredRows(join(root, 'plain'));
    for (const row of rows.rows.filter(([key]) => key[0] === KIND.events)) {
      const { faults } = await rows.edited(row, null, () => verifyStore({ view: rows.view(), modules: MODULES }));
      expect(faults).toEqual([
        expect.objectContaining({ tenant: expect.any(String), message: expect.stringContaining('event') }),
      ]);
    }
  });

  it('finds rows that nobody needs, though their checksums fit', async () => {
    const rows = new StoredRows(join(root, 'plain'));
    for (const kind of [0x00, 0x13, 0x2f, 0x40, 0xfe, ...Object.values(KIND)]) {
      const model = rows.rows.find(([key]) => key[0] === kind) ?? (rows.rows[0] as Row);
      const key = model[0].slice();
      key[0] = kind;
      key[key.length - 1] = (key.at(-1) as number) ^ 0x55;
      const extra: Row = [key, new ByteWriter().raw(model[1].subarray(0, -4)).sealed(key)];
      rows.driver.commit([extra]);
      const { faults } = await verifyRows(rows);
      rows.driver.commit([[key, null]]);
      expect(faults.length, `a row ${hex(key)}`).toBeGreaterThan(0);
    }
  });

  it('checks the signatures of checkpoints with the key beside them', async () => {
    const dataDir = join(root, 'signed');
    const system = await createSystem({ actors: fixture('purse'), dataDir, lanes: 1, shards: 4 });
    await system.ref('purse', 'acme', 'p')['add']?.(5);
    const note = await system.audit('acme').checkpoint();
    await system.close();
    const verify = async (): Promise<VerifyReport> => {
      const view = openStoreView(dataDir);
      return verifyStore({ view, dataDir, modules: undefined }).finally(() => view.close());
    };
    expect(await verify()).toMatchObject({ faults: [], signatures: { checked: 1, foreign: 0 } });
    const driver = openLmdb(dataDir);
    const [row] = driver.range(Uint8Array.of(KIND.note), Uint8Array.of(KIND.note + 1));
    const [key, value] = row as Row;
    const forged = Buffer.from(value.subarray(0, -4));
    const at = forged.indexOf(note.trimEnd().slice(-8));
    forged[at] = (forged[at] as number) === 65 ? 66 : 65;
    driver.commit([[key, new ByteWriter().raw(forged).sealed(key)]]);
    driver.close();
    expect((await verify()).faults).toEqual([
      expect.objectContaining({
        tenant: 'acme',
        seq: 1,
        message: expect.stringContaining('signature of a checkpoint'),
      }),
    ]);
  });

  it('finds outcomes that the code does not come to', async () => {
    const system = await testSystem({ actors: fixture('purse'), shards: 4 });
    for (const amount of [5, 50, 200, 7]) await system.ref('purse', 'acme', 'p')['add']?.(amount);
    await system.backup(join(root, 'purse'));
    await system.close();
    const view = openStoreView(join(root, 'purse'));
    const report = await verifyStore({ view, modules: { actors: [fixture('purse-changed').href], previous: [] } });
    view.close();
    expect(report.faults).toEqual([
      expect.objectContaining({
        tenant: 'acme',
        seq: 3,
        message: expect.stringContaining('does not do what was recorded'),
      }),
    ]);
  });
});

function fixture(name: string): URL {
  return new URL(`./fixtures/${name}.js`, import.meta.url);
}

function randomOf(seed: number): SeededRandom {
  return new SeededRandom(new Uint8Array(createHash('sha256').update(String(seed)).digest().subarray(0, 16)));
}

/** One byte of the key or of the value changed. */
function flipped([key, value]: Row, random: SeededRandom): { readonly changed: Row; readonly text: string } {
  const at = Math.floor(random.random() * (key.length + value.length));
  const mask = 1 + Math.floor(random.random() * 255);
  const [newKey, newValue] = [key.slice(), value.slice()];
  if (at < key.length) newKey[at] = (newKey[at] as number) ^ mask;
  else newValue[at - key.length] = (newValue[at - key.length] as number) ^ mask;
  return { changed: [newKey, newValue], text: `byte ${at - key.length} of ${hex(key)} by ${mask}` };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
