/** A replay runs in a lane's realm: what a handler saw around it live, it sees again, in whatever process. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSystem } from 'synapse-actors';
import { replay } from 'synapse-actors/replay';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ambient, sealed } from './fixtures/ambient.ts';

const ACTORS = new URL('./fixtures/ambient.js', import.meta.url);
const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

let dataDir: string;
let live: { readonly seq: number; readonly stateRoot: Uint8Array; readonly auditRoot: Uint8Array };

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'synapse-realm-'));
  await using system = await createSystem({ actors: ACTORS, dataDir, lanes: 2, shards: 4 });
  await system.ref(ambient, 'acme', 'a').look();
  await system.ref(ambient, 'acme', 'b').later('a');
  await system.ref(sealed, 'acme', 's').add(2);
  await system.ref(ambient, 'acme', 'a').look();
  const [acme] = await system.tenants();
  if (acme !== undefined) live = acme;
});

afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

it('comes to the same roots in another thread of another process, modules as the store remembers them', async () => {
  const roots: unknown[] = [];
  for await (const step of replay({ dataDir, tenant: 'acme' })) {
    if (step.seq === live.seq) roots.push({ stateRoot: step.stateRoot(), auditRoot: step.auditRoot });
  }
  expect(roots).toEqual([{ stateRoot: live.stateRoot, auditRoot: live.auditRoot }]);
});

it('comes to the same roots where zone and language of the host are others', () => {
  const env = { ...process.env, TZ: 'Asia/Kolkata', LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8' };
  const out = execFileSync(process.execPath, [MAIN, 'replay', 'acme', '--data', dataDir, '--json'], { env });
  expect(JSON.parse(out.toString())).toMatchObject({
    seq: live.seq,
    stateRoot: Buffer.from(live.stateRoot).toString('hex'),
    auditRoot: Buffer.from(live.auditRoot).toString('hex'),
  });
});
