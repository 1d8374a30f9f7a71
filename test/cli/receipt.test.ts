/** `synapse prove` and `synapse verify-receipt` on real stores: what they write, say and refuse, and their statuses. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createPublicKey } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSystem } from 'synapse-actors';
import { parseCheckpoint, verifyConsistency, verifyReceipt } from 'synapse-actors/audit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { account } from '../../actors/account.ts';
import { execute } from '../../src/cli/program.ts';
import { SYNAPSE_HOST } from '../../src/cli/synapse-host.ts';
import { openLmdb } from '../../src/store/lmdb.ts';
import { acquireLock } from '../../src/store/lock.ts';
import { modulesWrites } from '../../src/store/store-head.ts';
import { PretendTerminal } from './pretend-terminal.ts';

const ACCOUNT = new URL('../../actors/account.js', import.meta.url);
/** A module whose actors do something else than was recorded. */
const CHANGED = `
import { actor } from 'synapse-actors';
const commands = { deposit: (ctx, amount) => (ctx.state.balance += 2 * amount) };
export const account = actor('account', { state: () => ({ balance: 0, history: [] }), commands });
`;

let dir: string;
let key: string;

async function synapse(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const terminal = new PretendTerminal(dir);
  const status = await execute(args, terminal, SYNAPSE_HOST);
  return { status, out: terminal.out, err: terminal.err };
}

async function fill(dataDir: string, options: object = {}): Promise<void> {
  const system = await createSystem({ actors: ACCOUNT, dataDir: join(dir, dataDir), lanes: 1, shards: 4, ...options });
  const alice = system.ref(account, 'acme', 'alice');
  await alice.with({ idempotencyKey: 'k-1', principal: 'user:7' }).deposit(10);
  await alice.transfer('bob', 3);
  await alice.deposit(-1).catch(() => undefined);
  await system.ref(account, 'zoo', 'ape').deposit(1);
  await system.close();
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'synapse-receipt-'));
  await fill('store');
  key = (JSON.parse((await synapse('prove', 'acme', '1', '--data', 'store', '--json')).out) as { key: string }).key;
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('prove and verify-receipt', () => {
  it('prove an entry, its input and its outcome, to whoever has the key', async () => {
    expect(await synapse('prove', 'acme', '2', '--data', 'store', '--out', 'two.receipt')).toEqual({
      status: 0,
      out: `wrote ${join(dir, 'two.receipt')}\nits key is ${key}\n`,
      err: '',
    });
    const { status, out } = await synapse('verify-receipt', 'two.receipt', '--key', key);
    expect(status).toBe(0);
    for (const line of [
      `PROVED under the key of ${key.split('+')[0]}:`,
      '  tenant     "acme"',
      '  input      call transfer("bob", 3)',
      '  outcome    answered "arrived", to the host\'s own process',
      '             account/bob state balance = 3',
      'What is proved:',
      'What is not:',
    ]) {
      expect(out.split('\n')).toContain(line);
    }
    const said = JSON.parse((await synapse('verify-receipt', 'two.receipt', '--key', key, '--json')).out) as object;
    expect(said).toMatchObject({ ok: true, tenant: 'acme', seq: 2, host: key.split('+')[0] });
    expect(said).not.toHaveProperty('record');
  });

  it('prove every entry of every tenant, refusals and orders too', async () => {
    for (const [tenant, seq] of [
      ['acme', 1],
      ['acme', 2],
      ['acme', 3],
      ['zoo', 1],
    ] as const) {
      const { out, err, status } = await synapse('prove', tenant, String(seq), '--data', 'store');
      expect([status, err]).toEqual([0, '']);
      expect(verifyReceipt(out, key)).toMatchObject({ ok: true, tenant, seq });
    }
    const { out } = await synapse('prove', 'acme', '3', '--data', 'store');
    expect(out).toContain('| outcome    answered with an error: REFUSED: ');
    expect((await synapse('prove', 'acme', '1', '--data', 'store')).out).toContain(
      '| by         "user:7"\n| key        "k-1"\n',
    );
  });

  it('take the key as a file, in any form', async () => {
    await synapse('prove', 'acme', '1', '--data', 'store', '--out', 'one.receipt');
    const pem = createPublicKey(readFileSync(join(dir, 'store/audit.key'))).export({ format: 'pem', type: 'spki' });
    for (const text of [key, `${key}\n`, pem as string]) {
      writeFileSync(join(dir, 'host.pub'), text);
      expect((await synapse('verify-receipt', 'one.receipt', '--key', 'host.pub')).status).toBe(0);
    }
    expect(statSync(join(dir, 'store/audit.key')).mode & 0o777).toBe(0o600);
  });

  it('say in one line what is wrong with a bent receipt, with status 1', async () => {
    await synapse('prove', 'acme', '1', '--data', 'store', '--out', 'one.receipt');
    writeFileSync(
      join(dir, 'bent.receipt'),
      readFileSync(join(dir, 'one.receipt'), 'utf8').replace('deposit(10)', 'deposit(11)'),
    );
    expect(await synapse('verify-receipt', 'bent.receipt', '--key', key)).toEqual({
      status: 1,
      out: 'NOT PROVED: its lines for people do not say what its record says\n',
      err: '',
    });
    expect(JSON.parse((await synapse('verify-receipt', 'bent.receipt', '--key', key, '--json')).out)).toEqual({
      ok: false,
      reason: 'its lines for people do not say what its record says',
    });
  });

  it('refuse with status 2 what cannot be tried', async () => {
    expect(await synapse('verify-receipt', 'nowhere', '--key', key)).toMatchObject({ status: 2, out: '' });
    expect(await synapse('verify-receipt', 'two.receipt', '--key', 'nowhere')).toMatchObject({ status: 2, out: '' });
    writeFileSync(join(dir, 'no.pub'), 'nothing\n');
    expect((await synapse('verify-receipt', 'two.receipt', '--key', 'no.pub')).err).toBe(
      'synapse: no.pub holds no public key\n',
    );
    expect((await synapse('verify-receipt', 'two.receipt')).status).toBe(2);
    for (const seq of ['0', '-1', '1e2', 'x'])
      expect((await synapse('prove', 'acme', seq, '--data', 'store')).status).toBe(2);
    expect((await synapse('prove', 'acme', '99', '--data', 'store')).err).toMatch(/^synapse: INVALID_ARGUMENT: seq /);
    expect((await synapse('prove', 'nobody', '1', '--data', 'store')).err).toMatch(
      /INVALID_ARGUMENT: the store has no tenant/,
    );
    expect((await synapse('prove', 'acme', '1', '--data', 'nowhere')).err).toMatch(/INVALID_ARGUMENT/);
    const lock = acquireLock(join(dir, 'store'));
    expect((await synapse('prove', 'acme', '1', '--data', 'store')).err).toMatch(/STORE_LOCKED/);
    lock.release();
  });
});

describe('what a receipt cannot show', () => {
  it('is told: the outcome, where it was not asked for', async () => {
    const { out, err } = await synapse('prove', 'acme', '2', '--data', 'store', '--no-outcome');
    expect(err).toBe('');
    expect(out).toMatch(/\| outcome {4}not disclosed; its digest is [0-9a-f]{64}\n/);
    expect(verifyReceipt(out, key)).toMatchObject({ ok: true, seq: 2 });
  });

  it('is told: the outcome, where the code is another now, or gone', async () => {
    // In the repository, so that it finds the package by its name.
    const changed = fileURLToPath(new URL(`./changed-account-${process.pid}.mjs`, import.meta.url));
    writeFileSync(changed, CHANGED);
    try {
      const { status, out, err } = await synapse('prove', 'acme', '1', '--data', 'store', '--actors', changed);
      expect(status).toBe(0);
      expect(err).toMatch(/^the receipt holds the digest of the outcome, not the outcome: DIVERGED: /);
      expect(verifyReceipt(out, key)).toMatchObject({ ok: true, seq: 1 });
    } finally {
      rmSync(changed);
    }
    const gone = await synapse('prove', 'acme', '1', '--data', 'store', '--actors', changed);
    expect(gone.err).toMatch(/INVALID_ARGUMENT: actors: cannot load/);
    expect(gone.out).toContain('not disclosed');
  });

  it('is told: the outcome, where the store knows no modules', async () => {
    await fill('forgetful');
    const driver = openLmdb(join(dir, 'forgetful'));
    driver.commit(modulesWrites({ actors: [], previous: [] }));
    driver.close();
    const { err, out } = await synapse('prove', 'acme', '1', '--data', 'forgetful', '--json');
    expect(err).toMatch(/does not know the modules/);
    expect(JSON.parse(out)).toMatchObject({
      outcomeShown: false,
      withheld: expect.stringMatching(/modules/) as string,
    });
  });
});

describe('stores of other kinds', () => {
  it('an encrypted one: the receipt opens its own leaf, and no other', async () => {
    await fill('sealed', { encryption: true });
    const one = await synapse('prove', 'acme', '1', '--data', 'sealed', '--json');
    const { receipt, key: sealedKey } = JSON.parse(one.out) as { receipt: string; key: string };
    expect(receipt).toContain('--- blinding ---\n');
    expect(verifyReceipt(receipt, sealedKey)).toMatchObject({ ok: true, tenant: 'acme', seq: 1 });
    const two = (await synapse('prove', 'acme', '2', '--data', 'sealed')).out;
    const blinding = (text: string): string | undefined => /--- blinding ---\n(.*)\n/.exec(text)?.[1];
    expect(blinding(two)).not.toBe(blinding(receipt));
  });

  it('one whose system is given its key: that key is given here too', async () => {
    const pem = readFileSync(join(dir, 'store/audit.key'), 'utf8');
    await fill('keyed', { auditKey: pem });
    writeFileSync(join(dir, 'host.pem'), pem);
    const { out } = await synapse('prove', 'acme', '1', '--data', 'keyed', '--audit-key', 'host.pem');
    expect(verifyReceipt(out, key)).toMatchObject({ ok: true });
    expect(existsSync(join(dir, 'keyed/audit.key'))).toBe(false);
  });

  it('a copy that no system has opened has no log of its own yet', async () => {
    await synapse('backup', '--data', 'store', '--to', 'copy');
    const { status, err } = await synapse('prove', 'acme', '1', '--data', 'copy');
    expect(status).toBe(2);
    expect(err).toMatch(/copy that no system has opened/);
    expect(existsSync(join(dir, 'copy/audit.key'))).toBe(false);
  });

  it('the checkpoint of a receipt is one that the system stands by later', async () => {
    const verdict = verifyReceipt((await synapse('prove', 'acme', '2', '--data', 'store')).out, key);
    const old = parseCheckpoint(verdict.ok ? verdict.checkpoint : '');
    const system = await createSystem({ actors: ACCOUNT, dataDir: join(dir, 'store'), lanes: 1, shards: 4 });
    try {
      expect(await system.auditVerifierKey()).toBe(key);
      await system.ref(account, 'acme', 'alice').deposit(5);
      const link = await system.audit('acme').proveConsistency(old?.size ?? 0);
      expect(link.root1).toEqual(old?.root);
      expect(verifyConsistency(link)).toBe(true);
    } finally {
      await system.close();
    }
  });
});

it('inspect says the key that checks a store', async () => {
  expect((await synapse('inspect', '--data', 'store')).out).toContain(`audit key    ${key}\n`);
  expect(JSON.parse((await synapse('inspect', '--data', 'store', '--json')).out)).toMatchObject({ auditKey: key });
  await fill('quiet');
  expect((await synapse('inspect', '--data', 'quiet')).out).toMatch(/^audit key {4}none yet/m);
  writeFileSync(join(dir, 'quiet/audit.key'), 'no key');
  const { status, err } = await synapse('inspect', '--data', 'quiet');
  expect(status).toBe(1);
  expect(err).toMatch(/audit\.key holds no key/);
});
