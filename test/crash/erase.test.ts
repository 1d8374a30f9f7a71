/**
 * kill -9 while tenants are erased, in processes of their own: what was acknowledged as erased is, whatever else was
 * under way is whole or erased and never in between, and who was not to be erased has everything.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SynapseError, createSystem } from 'synapse-actors';
import { account } from 'synapse-actors/actors/account';
import { verifyInclusion } from 'synapse-actors/audit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Child, killAll } from './child.ts';
import type { EraseOrder } from './erase-process.ts';

const ACTORS = new URL('../../actors/account.js', import.meta.url);
const TENANTS = Array.from({ length: 9 }, (_, at) => `tenant-${at}`);

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'synapse-erase.'));
});
afterEach(async () => {
  await killAll();
  rmSync(folder, { recursive: true, force: true });
});

/** Keys that stand in a key file, slot by slot; zeros where one is erased. */
function keysIn(dataDir: string): string[] {
  const bytes = readFileSync(join(dataDir, 'keys.bin'));
  return TENANTS.map((_, at) => bytes.subarray(at * 64 + 12, at * 64 + 44).toString('hex'));
}

test('kills at any moment of a row of erasures leave each tenant whole or erased, and acknowledged ones erased', async () => {
  // Each round kills the process of the one before, after another number of acknowledgements, in the middle of the next.
  for (const acknowledged of [0, 1, 3, 6]) {
    const dataDir = join(folder, `store.${acknowledged}`);
    const order: EraseOrder = { dataDir, tenants: TENANTS };
    const child = new Child(new URL('./erase-process.js', import.meta.url), order);
    await child.line('filled');
    if (acknowledged > 0) await child.lineNumber('erased', acknowledged);
    await child.kill();
    const done = child.lines.filter((line) => line.startsWith('erased')).map((line) => line.slice('erased '.length));
    expect(done.length).toBeGreaterThanOrEqual(acknowledged);
    await using system = await createSystem({ actors: ACTORS, dataDir, lanes: 1, shards: 4, encryption: true });
    const fates: string[] = [];
    for (const tenant of TENANTS) {
      const balances = await Promise.allSettled(
        Array.from({ length: 20 }, (_, at) => system.ref(account, tenant, `a${at}`).balance()),
      );
      const fate = new Set(
        balances.map((one) =>
          one.status === 'fulfilled'
            ? one.value >= 1
              ? 'whole'
              : 'lost'
            : one.reason instanceof SynapseError
              ? one.reason.code
              : 'thrown',
        ),
      );
      fates.push([...fate].join(' and '));
      const size = await system.audit(tenant).size();
      for (const seq of [1, size]) expect(verifyInclusion(await system.audit(tenant).prove(seq))).toBe(true);
    }
    expect(fates[0]).toBe('whole');
    for (const [at, tenant] of TENANTS.entries()) {
      if (done.includes(tenant)) expect(`${tenant} ${fates[at]}`).toBe(`${tenant} INVALID_ADDRESS`);
      else expect(['whole', 'INVALID_ADDRESS']).toContain(fates[at]);
    }
    // What is refused has no key any more, what is whole has one: a tenant's number is its place in this order or another.
    const zeros = keysIn(dataDir).filter((key) => key === '00'.repeat(32)).length;
    expect(zeros).toBe(fates.filter((fate) => fate === 'INVALID_ADDRESS').length);
  }
}, 120_000);
