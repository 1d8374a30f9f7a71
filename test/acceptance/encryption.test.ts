/**
 * `createSystem({ encryption: true })` and `system.erase(tenant)`: everything survives as without it, nothing
 * of a tenant can be read on disk, and what is erased is gone at once, for good and for everybody but the audit.
 */
import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSystem, type SynapseError } from 'synapse-actors';
import { leafHashOf, verifyConsistency, verifyInclusion } from 'synapse-actors/audit';
import { describe, expect, it } from 'vitest';
import { ledger } from './fixtures/ledger.ts';
import { witness } from './fixtures/witness.ts';
import {
  codeOf,
  fixture,
  folder,
  gate,
  keep,
  open,
  rootOf,
  same,
  settled,
  type System,
  take,
  tenantOn,
} from './harness.ts';
import { openVirtual } from './virtual.ts';

const MARKER = 'marker-c0ffee-of-a-secret';
const SECRETS = ['echo', MARKER, `key ${MARKER}`];

/** Files of a directory that hold a text. */
function holding(dir: string, text: string): string[] {
  return readdirSync(dir).filter((name) => readFileSync(join(dir, name)).includes(text));
}

/** Runs a few commands of two tenants, and gives what they came to. */
async function run(system: System, round: number): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (const tenant of ['acme', 'other']) {
    const account = system.ref(ledger, tenant, `key ${MARKER}`);
    answers.push(await account.with({ idempotencyKey: `${MARKER} ${round}` }).deposit(7));
    answers.push(await account.with({ idempotencyKey: 'always' }).echo(MARKER));
    answers.push(
      await codeOf(account.with({ idempotencyKey: `refused ${round}` }).deposit(-1)),
      await account.balance(),
    );
    await system.ref(witness, tenant, 'w').emit('topic', { round, text: MARKER });
  }
  return answers;
}

const FIXTURES = ['ledger', 'witness'];

describe('an encrypted store', () => {
  it('keeps states, replies, refusals and events over a restart, and holds nothing of them that can be read', async () => {
    const [plainDir, dataDir] = [folder(), folder()];
    const plain = await open(FIXTURES, { dataDir: plainDir });
    let system = await open(FIXTURES, { dataDir, encryption: true });
    const expected = [await run(plain, 1), await run(plain, 2)];
    same(await run(system, 1), expected[0]);
    await system.close();
    system = await open(FIXTURES, { dataDir, encryption: true });
    same(
      await run(system, 1),
      expected[0]?.map((one, at) => (at % 4 === 3 ? 7 : one)),
    ); // repeats: nothing happened again
    same(await run(system, 2), expected[1]);
    const rounds = (await take(system.events('acme', 'topic'), 3)).map(
      ({ value }) => (value as { round: number }).round,
    );
    same(rounds, [1, 1, 2]);
    same(await rootOf(system, 'acme'), await rootOf(system, 'other'));
    await Promise.all([system.close(), plain.close()]);
    same(holding(plainDir, MARKER), ['data.mdb']); // the search finds what is there
    same(
      SECRETS.flatMap((secret) => holding(dataDir, secret)),
      [],
    );
  });

  it('comes to the same state root as one without encryption', async () => {
    const roots: string[] = [];
    for (const encryption of [false, true]) {
      const system = await open(FIXTURES, { dataDir: folder(), encryption });
      await system.ref(ledger, 'acme', 'a').deposit(5);
      roots.push(await rootOf(system, 'acme'));
      await system.close();
    }
    same(roots[0], roots[1]);
  });

  it('opens only as it was made, and says so', async () => {
    for (const encryption of [false, true]) {
      const dataDir = folder();
      await (await open(FIXTURES, { dataDir, encryption })).close();
      const other = createSystem({ actors: fixture('ledger'), dataDir, shards: 8, encryption: !encryption });
      const error = (await other.catch((reason: unknown) => reason)) as SynapseError;
      same([error.code, error.details['option']], ['INVALID_ARGUMENT', 'encryption']);
      expect(error.message).toContain('encryption');
    }
    same(await codeOf(open(FIXTURES, { encryption: 'yes' } as never)), 'INVALID_ARGUMENT');
  });

  it('blinds leaves: a proof opens with its own record and salt, and with nothing else', async () => {
    const system = await open(FIXTURES, { encryption: true });
    const account = system.ref(ledger, 'acme', 'a');
    for (let i = 1; i <= 5; i++) await account.deposit(i);
    const audit = system.audit('acme');
    const proofs = await Promise.all([1, 2, 3].map((seq) => audit.prove(seq)));
    for (const proof of proofs) {
      const { leaf, record, salt, leafHash } = proof;
      if (leaf === undefined || record === undefined || salt === undefined)
        throw new Error('a proof without its record');
      same(Buffer.from(leaf).toString('hex'), createHmac('sha256', salt).update(record).digest('hex'));
      same(Buffer.from(leafHash), Buffer.from(leafHashOf(leaf)));
      same(verifyInclusion(proof), true);
      for (const other of proofs) {
        if (other === proof) continue;
        expect(
          Buffer.from(leaf).equals(
            createHmac('sha256', other.salt ?? '')
              .update(record)
              .digest(),
          ),
        ).toBe(false);
      }
    }
  });
});

describe('erase', () => {
  it('ends a tenant: every call is refused for good, those under way too, and its neighbours notice nothing', async () => {
    const dataDir = folder();
    const options = {
      dataDir,
      encryption: true,
      lanes: 2,
      grants: [{ from: '*', to: '*', actor: 'ledger', handlers: ['deposit'] }],
    };
    const [gone, near] = [tenantOn(0, 8, 'gone'), tenantOn(0, 8, 'near')]; // of one shard, in one lane and its batches
    let system = await open(FIXTURES, options);
    const account = system.ref(ledger, gone, 'a');
    await account.deposit(5);
    await system.ref(ledger, near, 'a').deposit(5);
    await system.ref(witness, gone, 'w').emit('topic', 1);
    const waiting = gate();
    const underWay = codeOf(account.depositAtGate(waiting.path, 1));
    await waiting.started();
    const queued = codeOf(account.deposit(1));
    await system.erase(gone);
    same(await settled(Promise.all([underWay, queued]), 'calls under way'), ['INVALID_ADDRESS', 'INVALID_ADDRESS']);
    waiting.open();
    for (let round = 0; round < 2; round++) {
      const ref = system.ref(ledger, gone, 'a');
      same(
        await Promise.all([
          codeOf(ref.deposit(1)),
          codeOf(ref.balance()),
          codeOf(system.ref(ledger, gone, 'new').deposit(1)),
        ]),
        ['INVALID_ADDRESS', 'INVALID_ADDRESS', 'INVALID_ADDRESS'],
      );
      same(await codeOf(system.events(gone, 'topic').next()), 'INVALID_ADDRESS');
      same(await codeOf(system.resume(gone)), 'INVALID_ADDRESS');
      same(await codeOf(system.ref(ledger, near, 'a').pay(gone, 'a', 1)), 'INVALID_ADDRESS');
      same(
        (await system.tenants()).map(({ tenant }) => tenant),
        [near],
      );
      same(await system.ref(ledger, near, 'a').balance(), 5);
      await system.erase(gone); // again: nothing
      await system.close();
      system = await open(FIXTURES, options);
    }
  });

  it('leaves the log: size, root, checkpoint and every proof verify as before, without content', async () => {
    const dataDir = folder();
    let system = await open(FIXTURES, { dataDir, encryption: true });
    const account = system.ref(ledger, 'acme', 'a');
    for (let i = 1; i <= 20; i++) await account.deposit(i);
    const before = system.audit('acme');
    const [size, root, checkpoint] = [await before.size(), await before.root(), await before.checkpoint()];
    const old = await before.prove(3, { size: 7 });
    await system.erase('acme');
    for (let round = 0; round < 2; round++) {
      const audit = system.audit('acme');
      same([await audit.size(), await audit.root(), await audit.checkpoint()], [size, root, checkpoint]);
      for (let seq = 1; seq <= size; seq++) {
        const proof = await audit.prove(seq);
        same([verifyInclusion(proof), proof.leaf, proof.record, proof.salt], [true, undefined, undefined, undefined]);
      }
      const now = await audit.prove(3, { size: 7 });
      same([now.leafHash, now.proof, now.root], [old.leafHash, old.proof, old.root]);
      for (let from = 1; from < size; from += 4) same(verifyConsistency(await audit.proveConsistency(from)), true);
      await system.close();
      system = await open(FIXTURES, { dataDir, encryption: true });
    }
  });

  it('is refused in words without encryption and for a tenant that is not there; nothing is done then', async () => {
    const plain = await open(FIXTURES, { dataDir: folder() });
    await plain.ref(ledger, 'acme', 'a').deposit(5);
    const error = (await plain.erase('acme').catch((reason: unknown) => reason)) as SynapseError;
    same([error.code, error.details['option']], ['INVALID_ARGUMENT', 'encryption']);
    expect(error.message).toContain('encryption: true');
    same(await plain.ref(ledger, 'acme', 'a').balance(), 5);
    const system = await open(FIXTURES, { encryption: true });
    same(await codeOf(system.erase('acmee')), 'INVALID_ARGUMENT');
    same(await codeOf(system.erase('')), 'INVALID_ADDRESS');
    await system.close();
    same(await codeOf(system.erase('acme')), 'CLOSED');
  });

  it('erases here and not in a backup, which has the keys it needs and can erase for itself', async () => {
    const system = await open(FIXTURES, { dataDir: folder(), encryption: true });
    for (const tenant of ['acme', 'other']) await system.ref(ledger, tenant, 'a').deposit(5);
    const dataDir = join(folder(), 'copy');
    await system.backup(dataDir);
    await system.erase('acme');
    const copy = await open(FIXTURES, { dataDir, encryption: true });
    same(await copy.ref(ledger, 'acme', 'a').balance(), 5);
    await copy.erase('other');
    same(
      [await codeOf(copy.ref(ledger, 'other', 'a').balance()), await codeOf(system.ref(ledger, 'acme', 'a').balance())],
      ['INVALID_ADDRESS', 'INVALID_ADDRESS'],
    );
    same([await copy.ref(ledger, 'acme', 'a').balance(), await system.ref(ledger, 'other', 'a').balance()], [5, 5]);
  });

  it('waits for a move of its shard, and a move for it', async () => {
    const system = await open(FIXTURES, { lanes: 2, shards: 2, encryption: true });
    const tenants = Array.from({ length: 6 }, (_, i) => tenantOn(0, 2, `t${i}`));
    for (const tenant of tenants) await system.ref(ledger, tenant, 'a').deposit(5);
    const moves = [1, 0, 1].map((lane) => system.moveShard(0, lane));
    const erasures = tenants.slice(0, 3).map((tenant) => system.erase(tenant));
    await settled(Promise.all([...moves, ...erasures]), 'moves and erasures');
    const codes = tenants.slice(0, 3).map((tenant) => codeOf(system.ref(ledger, tenant, 'a').deposit(1)));
    same(await Promise.all(codes), ['INVALID_ADDRESS', 'INVALID_ADDRESS', 'INVALID_ADDRESS']);
    const balances = tenants.slice(3).map((tenant) => system.ref(ledger, tenant, 'a').deposit(1));
    same(await Promise.all(balances), [6, 6, 6]);
  });
});

describe('erase in a test system', () => {
  it('does what it does in a real one, over crash and reopen', async () => {
    const system = keep(await openVirtual(FIXTURES, { encryption: true }));
    const account = system.ref(ledger, 'acme', 'a');
    same(await account.deposit(5), 5);
    await system.crash();
    await system.reopen();
    same(await account.deposit(5), 10);
    await system.erase('acme');
    same(await codeOf(account.balance()), 'INVALID_ADDRESS');
    await system.crash();
    await system.reopen();
    same(await codeOf(account.deposit(1)), 'INVALID_ADDRESS');
    same(await system.audit('acme').size(), 2);
  });
});
