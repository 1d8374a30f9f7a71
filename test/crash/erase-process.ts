/**
 * A process to be killed while it erases: `node erase-process.js ORDER` (JSON, an EraseOrder). Opens an encrypted
 * system, gives each tenant some content, prints "filled", then erases the tenants one after the other while the
 * first goes on with its work; prints "erased TENANT" for each that is done, and lives until it is killed.
 */
import { writeSync } from 'node:fs';
import { createSystem } from 'synapse-actors';
import { account } from 'synapse-actors/actors/account';

/** What the process is told. */
export interface EraseOrder {
  readonly dataDir: string;
  /** The first is not erased. */
  readonly tenants: readonly string[];
}

const { dataDir, tenants } = JSON.parse(process.argv[2] ?? '') as EraseOrder;
const say = (line: string): number => writeSync(1, `${line}\n`);

const system = await createSystem({
  actors: new URL('../../actors/account.js', import.meta.url),
  dataDir,
  lanes: 2,
  shards: 4,
  encryption: true,
});
const [first = '', ...others] = tenants;
const fill = (tenant: string): Promise<unknown> =>
  Promise.all(Array.from({ length: 20 }, (_, at) => system.ref(account, tenant, `a${at}`).deposit(1)));
await Promise.all(tenants.map(fill));
await system.snapshot();
say('filled');
let isOver = false;
const work = (async (): Promise<void> => {
  while (!isOver) await system.ref(account, first, 'a0').deposit(1);
})();
for (const tenant of others) {
  await system.erase(tenant);
  say(`erased ${tenant}`);
}
isOver = true;
await work;
say('over');
setInterval(() => undefined, 60_000);
