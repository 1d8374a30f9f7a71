/**
 * A disk that is full for real, seen through `createSystem`: what was acknowledged stays, what was not is
 * undone and refused with `STORE_UNAVAILABLE`, nothing hangs, and when there is space it goes on.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SynapseError, type System, createSystem } from 'synapse-actors';
import { afterEach, expect, test } from 'vitest';
import { shelf } from './shelf.ts';
import { TinyDisk } from './tiny-disk.ts';

const TENANTS = ['ada', 'bob', 'cy'];

/** Bytes of one command: small against the disk, large against a page. */
const WEIGHT = 'x'.repeat(8_000);

let disk: TinyDisk | undefined;
let system: System | undefined;
let folder = '';
afterEach(async () => {
  disk?.free();
  await system?.close();
  disk?.unmount();
  rmSync(folder, { recursive: true, force: true });
});

async function open(dataDir: string): Promise<System> {
  system = await createSystem({
    actors: new URL('./shelf.js', import.meta.url),
    dataDir,
    lanes: 2,
    shards: 8,
    snapshotEverySteps: 50,
  });
  return system;
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'ok';
  } catch (error) {
    if (!(error instanceof SynapseError)) throw error;
    return error.code;
  }
}

test('on a full disk acknowledged commands stay, new ones are refused, nothing hangs, and it goes on with space', async (context) => {
  folder = mkdtempSync(join(tmpdir(), 'synapse-full.'));
  const mounted = TinyDisk.mount(join(folder, 'disk'), 24 << 10);
  if (typeof mounted === 'string') {
    console.warn(`SKIPPED: disk full for real: ${mounted}`);
    context.skip(mounted);
    return;
  }
  disk = mounted;
  const dataDir = join(disk.at, 'store');
  const acknowledged = new Map(TENANTS.map((tenant): [string, number[]] => [tenant, []]));
  const refused: (readonly [tenant: string, n: number])[] = [];
  let next = 0;
  const { ref } = await open(dataDir).then((opened) => ({ ref: opened.ref.bind(opened) }));
  const put = async (tenant: string, n: number): Promise<string> => {
    const code = await codeOf(
      ref(shelf, tenant, 'one')
        .with({ idempotencyKey: `n-${n}` })
        .put(n, WEIGHT),
    );
    if (code === 'ok') acknowledged.get(tenant)?.push(n);
    else refused.push([tenant, n]);
    return code;
  };
  const burst = (): Promise<string[]> =>
    Promise.all(Array.from({ length: 30 }, (_, i) => put(TENANTS[i % TENANTS.length] ?? '', next++)));

  for (let outage = 0; outage < 3; outage++) {
    expect(new Set(await burst())).toEqual(new Set(['ok']));
    disk.fill();
    // The store has some pages of its own left: it may take a while until it finds the disk full.
    let codes: string[] = [];
    for (let i = 0; i < 100 && !codes.includes('STORE_UNAVAILABLE'); i++) codes = await burst();
    expect(codes).toContain('STORE_UNAVAILABLE');
    expect(new Set(await burst())).toEqual(new Set(['STORE_UNAVAILABLE']));
    expect(await codeOf(system!.snapshot())).toBe('STORE_UNAVAILABLE');
    disk.free();
    // It comes back by itself; each refused command is sent again, under its key, until it is taken.
    for (const [tenant, n] of refused.splice(0)) {
      while ((await put(tenant, n)) !== 'ok') {
        expect(refused.pop()).toEqual([tenant, n]);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  for (const round of ['as it is', 'reopened']) {
    for (const tenant of TENANTS) {
      const numbers = await system!.ref(shelf, tenant, 'one').numbers();
      expect(
        [...numbers].toSorted((a, b) => a - b),
        `${tenant}, ${round}`,
      ).toEqual(acknowledged.get(tenant)?.toSorted((a, b) => a - b));
    }
    if (round === 'reopened') break;
    await system!.close();
    await open(dataDir);
  }
}, 180_000);

test('a system closes in good order while the disk is full, and what was acknowledged is there again', async (context) => {
  folder = mkdtempSync(join(tmpdir(), 'synapse-full.'));
  const mounted = TinyDisk.mount(join(folder, 'disk'), 12 << 10);
  if (typeof mounted === 'string') {
    console.warn(`SKIPPED: closing on a full disk: ${mounted}`);
    context.skip(mounted);
    return;
  }
  disk = mounted;
  const dataDir = join(disk.at, 'store');
  const opened = await open(dataDir);
  let acknowledged = 0;
  const put = (): Promise<string> => codeOf(opened.ref(shelf, 'ada', 'one').put(acknowledged, WEIGHT));
  while (acknowledged < 10 && (await put()) === 'ok') acknowledged += 1;
  disk.fill();
  while ((await put()) === 'ok') acknowledged += 1;
  await opened.close();
  expect(await codeOf(opened.ref(shelf, 'ada', 'one').put(0))).toBe('CLOSED');
  disk.free();
  const again = await open(dataDir);
  expect(await again.ref(shelf, 'ada', 'one').numbers()).toEqual(Array.from({ length: acknowledged }, (_, n) => n));
}, 120_000);
