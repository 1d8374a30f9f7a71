/** One dataDir, one system: a second one, in this process or another, is refused until the first is gone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type System, createSystem } from 'synapse-actors';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Child, killAll } from '../crash/child.ts';
import { shelf } from './shelf.ts';

const ACTORS = new URL('./shelf.js', import.meta.url);
const locked = expect.objectContaining({ code: 'STORE_LOCKED' });

let dataDir = '';
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'synapse-locked.'));
});
afterEach(async () => {
  await killAll();
  rmSync(dataDir, { recursive: true, force: true });
});

const open = (): Promise<System> => createSystem({ actors: ACTORS, dataDir, lanes: 1, shards: 4 });

function start(): Child {
  const order = { actors: ACTORS.href, dataDir, type: 'shelf', calls: [['ada', 'one', 'put', 1]] };
  return new Child(new URL('../crash/call-process.js', import.meta.url), order);
}

test('another process has it: refused with STORE_LOCKED, and taken over when that process is killed', async () => {
  const child = start();
  await child.line('ok');
  for (let i = 0; i < 3; i++) await expect(open()).rejects.toEqual(locked);
  await child.kill();
  await using system = await open();
  expect(await system.ref(shelf, 'ada', 'one').numbers()).toEqual([1]);
});

test('this process has it: a second system here or elsewhere is refused, and the first goes on', async () => {
  const system = await open();
  try {
    await expect(open()).rejects.toEqual(locked);
    const child = start();
    await child.end();
    expect(child.status).toBe(1);
    expect(child.errors).toContain('STORE_LOCKED');
    expect(await system.ref(shelf, 'ada', 'one').put(7)).toBe(1);
  } finally {
    await system.close();
  }
  await using again = await open();
  expect(await again.ref(shelf, 'ada', 'one').numbers()).toEqual([7]);
});
