/** The audit of a running system, checked with the verifiers that an outsider has. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  leafHashOf,
  parseCheckpoint,
  verifyCheckpoint,
  verifyConsistency,
  verifyInclusion,
} from 'synapse-actors/audit';
import { describe, expect, it } from 'vitest';
import { type ledger } from './fixtures/ledger.ts';
import { codeOf, folder, open, same, startChild } from './harness.ts';

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');
const EMPTY_ROOT = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

describe('the audit log', () => {
  it('has a leaf for every recorded input and none for queries, refusals at the door and repeats', async () => {
    const system = await open('ledger');
    const audit = system.audit('acme');
    same([await audit.size(), hex(await audit.root())], [0, EMPTY_ROOT]);
    const ref = system.ref<typeof ledger>('ledger', 'acme', 'a');
    await ref.with({ idempotencyKey: 'k' }).deposit(1);
    await ref.with({ idempotencyKey: 'k' }).deposit(1);
    await ref.balance();
    same(await codeOf(ref.deposit(-1)), 'REFUSED'); // a handler's own word: an input with an outcome
    same(await codeOf(system.ref('nobody', 'acme', 'a')['go']?.() ?? Promise.resolve()), 'UNKNOWN_ACTOR');
    same(await audit.size(), 2);
  });

  it('agrees with tenants() in size and root, through snapshots, close and reopen', async () => {
    const dataDir = folder();
    const first = await open('ledger', { dataDir });
    for (const tenant of ['acme', 'umbrella'])
      for (let i = 1; i <= 5; i++) await first.ref<typeof ledger>('ledger', tenant, `k${i}`).deposit(i);
    const before = await first.tenants();
    for (const { tenant, seq, auditSize, auditRoot } of before) {
      same([seq, auditSize, auditSize], [5, 5, await first.audit(tenant).size()]);
      same(hex(auditRoot), hex(await first.audit(tenant).root()));
    }
    await first.snapshot();
    await first.close();
    const second = await open('ledger', { dataDir, lanes: 2 });
    same(await second.tenants(), before);
  });

  it('proves each step and each growth to the outsider’s verifiers, and nothing else', async () => {
    const system = await open('ledger');
    const ref = system.ref<typeof ledger>('ledger', 'acme', 'a');
    const audit = system.audit('acme');
    const roots: string[] = [];
    for (let i = 1; i <= 20; i++) {
      await ref.deposit(i);
      roots.push(hex(await audit.root()));
    }
    for (const seq of [1, 7, 16, 20]) {
      const proof = await audit.prove(seq);
      same([proof.seq, proof.index, proof.size, hex(proof.root)], [seq, seq - 1, 20, roots[19]]);
      same(verifyInclusion(proof), true);
      same(hex(leafHashOf(proof.leaf ?? new Uint8Array())), hex(proof.leafHash));
      same(verifyInclusion({ ...proof, index: proof.index ^ 1 }), false);
      same(verifyInclusion({ ...proof, size: 40 }), false);
      for (const from of [1, seq]) {
        const grown = await audit.proveConsistency(from, 20);
        same([hex(grown.root1), hex(grown.root2)], [roots[from - 1], roots[19]]);
        same(verifyConsistency(grown), true);
        if (from < 20) same(verifyConsistency({ ...grown, root1: grown.root2 }), false);
      }
    }
    same(hex((await audit.prove(3, { size: 7 })).root), roots[6]);
    for (const bad of [0, 21, -1, 1.5, Number.NaN]) same(await codeOf(audit.prove(bad)), 'INVALID_ARGUMENT');
    same(await codeOf(audit.proveConsistency(9, 8)), 'INVALID_ARGUMENT');
    same(await codeOf(system.audit('').size()), 'INVALID_ADDRESS');
  });
});

describe('checkpoints', () => {
  it('are signed, tell no name, and stay the same until the log grows', async () => {
    const dataDir = folder();
    const system = await open('ledger', { dataDir });
    const ref = system.ref<typeof ledger>('ledger', 'a tenant’s name', 'a');
    await ref.deposit(1);
    const audit = system.audit('a tenant’s name');
    const note = await audit.checkpoint();
    const key = await system.auditVerifierKey();
    same(verifyCheckpoint(note, key), true);
    same(note.includes('tenant'), false);
    const parsed = parseCheckpoint(note);
    same([parsed?.size, hex(parsed?.root)], [1, hex(await audit.root())]);
    same(await audit.checkpoint(), note);
    same(statSync(join(dataDir, 'audit.key')).mode & 0o777, 0o600);
    await ref.deposit(1);
    same(parseCheckpoint(await audit.checkpoint())?.size, 2);
    same(verifyCheckpoint(note.replace('\n1\n', '\n2\n'), key), false);
    const host = await system.hostCheckpoint();
    same([verifyCheckpoint(host, key), parseCheckpoint(host)?.size], [true, 1]);
  });

  it('are of the same key and origin after a kill, and of others in a copy', async () => {
    const dataDir = folder();
    const child = startChild({
      fixture: 'ledger',
      type: 'ledger',
      dataDir,
      calls: [{ tenant: 'acme', key: 'a', handler: 'deposit', args: [1] }],
    });
    await child.ready();
    await child.kill();
    const first = await open('ledger', { dataDir });
    const note = await first.audit('acme').checkpoint();
    const key = await first.auditVerifierKey();
    const copy = join(folder(), 'copy');
    await first.backup(copy);
    same(readdirSync(copy).includes('audit.key'), false);
    await first.close();
    const again = await open('ledger', { dataDir });
    same([await again.audit('acme').checkpoint(), await again.auditVerifierKey()], [note, key]);
    const other = await open('ledger', { dataDir: copy });
    const theirs = await other.audit('acme').checkpoint();
    expect(await other.auditVerifierKey()).not.toBe(key);
    expect(parseCheckpoint(theirs)?.origin).not.toBe(parseCheckpoint(note)?.origin);
    same(hex(parseCheckpoint(theirs)?.root), hex(parseCheckpoint(note)?.root));
  });

  it('take a key that is given, and refuse what is none', async () => {
    const dataDir = folder();
    const system = await open('ledger', { dataDir, auditKey: new Uint8Array(32).fill(9) });
    const key = await system.auditVerifierKey();
    same(verifyCheckpoint(await system.audit('acme').checkpoint(), key), true);
    same(existsSync(join(dataDir, 'audit.key')), false);
    await system.close();
    for (const auditKey of ['no key', new Uint8Array(31), 7 as never])
      same(await codeOf(open('ledger', { auditKey })), 'INVALID_ARGUMENT');
  });

  it('are as many as a trimmed journal needs: proofs of what was trimmed go on being made', async () => {
    const dataDir = folder();
    const system = await open('ledger', { dataDir, retention: { keepSteps: 0 }, snapshotEverySteps: 10 });
    const ref = system.ref<typeof ledger>('ledger', 'acme', 'a');
    for (let i = 1; i <= 35; i++) await ref.deposit(i);
    const audit = system.audit('acme');
    const size = await audit.size();
    expect(size).toBeGreaterThan(35); // snapshots are recorded where the journal is trimmed
    const old = await audit.prove(2);
    same(verifyInclusion(old), true);
    await system.close();
    expect(readFileSync(join(dataDir, 'data.mdb')).length).toBeGreaterThan(0);
    const again = await open('ledger', { dataDir });
    same(verifyConsistency(await again.audit('acme').proveConsistency(size)), true);
    same(verifyInclusion(await again.audit('acme').prove(2)), true);
  });
});
