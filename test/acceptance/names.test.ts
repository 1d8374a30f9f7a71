/** api.md: tenant and key are 1 to 256 bytes of UTF-8, any characters but control ones; never used as a path. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { ledger } from './fixtures/ledger.ts';
import { codeOf, folder, open, same, shardOf } from './harness.ts';
import { hostileNames, invalidNames } from './hostile-names.ts';

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

describe('515 hostile names', () => {
  it('are 515, all different', () => {
    same([hostileNames.length, new Set(hostileNames).size], [515, 515]);
  });

  it('as keys and as tenants never collide and never escape, before and after a reopen', async () => {
    const parent = folder();
    const dataDir = join(parent, 'in', 'here');
    mkdirSync(dataDir, { recursive: true });
    const first = await open('ledger', { dataDir });
    await Promise.all(hostileNames.map((name, i) => first.ref(ledger, 'acme', name).deposit(i + 1)));
    await Promise.all(hostileNames.map((name, i) => first.ref(ledger, name, 'key').deposit(1_000 + i)));
    // The address (a/b, c) is not (a, b/c).
    await first.ref(ledger, 'a/b', 'c').deposit(1);
    await first.ref(ledger, 'a', 'b/c').deposit(2);
    const inside = readdirSync(dataDir).sort();
    await first.close();
    const second = await open('ledger', { dataDir });
    for (const [i, name] of hostileNames.entries()) {
      same([name, await second.ref(ledger, 'acme', name).balance()], [name, i + 1]);
      same([name, await second.ref(ledger, name, 'key').balance()], [name, 1_000 + i]);
    }
    same([await second.ref(ledger, 'a/b', 'c').balance(), await second.ref(ledger, 'a', 'b/c').balance()], [1, 2]);
    const rows = await second.tenants();
    const expected = [...new Set([...hostileNames, 'acme'])];
    same(rows.map((row) => row.tenant).sort(byBytes), expected.sort(byBytes));
    for (const row of rows) same(row.shard, shardOf(row.tenant, 8));
    // Nothing was written beside the directory, and no name became a file in it.
    same(readdirSync(parent), ['in']);
    same(readdirSync(join(parent, 'in')), ['here']);
    same(
      inside.filter((file) => hostileNames.includes(file) && file !== 'data.mdb' && file !== 'lock.mdb'),
      [],
    );
  });
});

describe('an invalid name', () => {
  it('is INVALID_ADDRESS as a tenant and as a key, and nothing is made of it', async () => {
    const system = await open('ledger');
    const wrong: unknown[] = [];
    for (const name of invalidNames) {
      const asTenant = await codeOf(async () => system.ref(ledger, name as string, 'a').deposit(1)).catch(
        (error: unknown) => String(error),
      );
      const asKey = await codeOf(async () => system.ref(ledger, 'acme', name as string).deposit(1)).catch(
        (error: unknown) => String(error),
      );
      if (asTenant !== 'INVALID_ADDRESS' || asKey !== 'INVALID_ADDRESS') wrong.push([String(name), asTenant, asKey]);
    }
    same(wrong, []);
    same(await system.tenants(), []);
  });

  it('is refused to a turn that names it, too', async () => {
    const system = await open('ledger');
    same(await system.ref(ledger, 'acme', 'a').caught('line\nbreak', 1), 'caught INVALID_ADDRESS');
    same(await system.ref(ledger, 'acme', 'a').caught('', 1), 'caught INVALID_ADDRESS');
  });
});
