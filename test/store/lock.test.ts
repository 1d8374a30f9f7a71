/** One holder of a directory: in a process, across threads, copies of the module and processes, and after kills. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { acquireLock } from '../../src/store/lock.ts';
import { startProcess } from './process-lines.ts';

const isLocked = expect.objectContaining({ code: 'STORE_LOCKED' });
const moduleUrl = new URL('../../src/store/lock.js', import.meta.url).href;

let root = '';
let dir = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'synapse-lock.'));
  dir = join(root, 'data');
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

test('a directory has one holder in a process and is free after release, release twice included', () => {
  const lock = acquireLock(dir);
  expect(() => acquireLock(dir)).toThrow(isLocked);
  expect(() => acquireLock(`${dir}/../data/.`)).toThrow(isLocked);
  lock.release();
  const next = acquireLock(dir);
  lock.release();
  expect(() => acquireLock(dir)).toThrow(isLocked);
  next.release();
  expect(readdirSync(dir)).toEqual([]);
});

test('a symbolic link to the directory is the same lock', () => {
  const lock = acquireLock(dir);
  const link = join(root, 'link');
  symlinkSync(dir, link);
  expect(() => acquireLock(link)).toThrow(isLocked);
  lock.release();
  const other = acquireLock(link);
  expect(() => acquireLock(dir)).toThrow(isLocked);
  other.release();
});

test('another copy of the module in this process sees the lock', async () => {
  const copy = (await import(`${moduleUrl}?copy`)) as { acquireLock: typeof acquireLock };
  expect(copy.acquireLock).not.toBe(acquireLock);
  const lock = acquireLock(dir);
  expect(() => copy.acquireLock(dir)).toThrow(isLocked);
  lock.release();
  copy.acquireLock(dir).release();
});

test('another thread of this process sees the lock', async () => {
  const lock = acquireLock(dir);
  const code = `
    const { parentPort } = require('node:worker_threads');
    import(${JSON.stringify(moduleUrl)}).then(({ acquireLock }) => {
      try { acquireLock(${JSON.stringify(dir)}); parentPort.postMessage('held'); } catch (error) { parentPort.postMessage(error.code); }
    });`;
  const worker = new Worker(code, { eval: true });
  const [answer] = (await once(worker, 'message')) as [string];
  expect(answer).toBe('STORE_LOCKED');
  await worker.terminate();
  lock.release();
});

test('a lock held by another process is refused with its pid and free at once when that is killed', async () => {
  const holder = startProcess(['lock', dir]);
  holder.child.stdin.write('try\n');
  expect(await holder.next()).toBe('held');
  expect(() => acquireLock(dir)).toThrow(
    expect.objectContaining({ code: 'STORE_LOCKED', details: { dir, pid: holder.child.pid } }),
  );
  expect(await holder.end('SIGKILL')).toBe('SIGKILL');
  const lock = acquireLock(dir);
  expect(readdirSync(dir).length).toBe(1);
  lock.release();
});

test.runIf(process.platform === 'linux')('a killed process that nobody has waited for yet no longer holds', () => {
  // The shell starts the holder, kills it and goes on without reaping it: a zombie while we look.
  const script = `
    import { spawn } from 'node:child_process';
    import { acquireLock } from ${JSON.stringify(moduleUrl)};
    const holder = \`import { acquireLock } from ${JSON.stringify(moduleUrl)}; acquireLock(${JSON.stringify(dir)}); console.log('held'); setInterval(() => {}, 1000);\`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', holder], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.once('data', () => {
      process.kill(child.pid, 'SIGKILL');
      // No turn of the event loop from here on: libuv cannot reap the child.
      for (;;) { try { acquireLock(${JSON.stringify(dir)}); break; } catch (error) { if (error.code !== 'STORE_LOCKED') throw error; } }
      console.log('taken');
      process.exit(0);
    });`;
  // A limit, so that a lock that is never given up fails this test instead of spinning for good.
  const options = { encoding: 'utf8', timeout: 30_000, killSignal: 'SIGKILL' } as const;
  expect(execFileSync(process.execPath, ['--input-type=module', '-e', script], options)).toBe('taken\n');
});

test('locks of a dead process, of a reused pid and of another boot are taken over and cleared away', () => {
  mkdirSync(dir);
  const own = acquireLock(dir);
  const [name = ''] = readdirSync(dir);
  const [, , pid, start, boot] = name.split('.');
  own.release();
  writeFileSync(join(dir, `synapse.lock.4194303.1.${boot}.aaaaaaaaaaaaaaaa`), 'held');
  writeFileSync(join(dir, `synapse.lock.${pid}.1.${boot}.bbbbbbbbbbbbbbbb`), 'held');
  writeFileSync(join(dir, `synapse.lock.${pid}.${start}.000000000000.cccccccccccccccc`), 'held');
  writeFileSync(join(dir, 'synapse.lock.garbage'), '');
  const lock = acquireLock(dir);
  expect(readdirSync(dir).length).toBe(1);
  lock.release();
});

test('of several processes that try at the same moment, over a stale lock too, exactly one holds', async () => {
  const processes = Array.from({ length: 4 }, () => undefined);
  for (let round = 0; round < 6; round++) {
    const place = join(root, `race.${round}`);
    mkdirSync(place);
    if (round % 2 === 1) writeFileSync(join(place, 'synapse.lock.4194303.1.0.dddddddddddddddd'), 'held');
    const rivals = processes.map(() => startProcess(['lock', place]));
    await Promise.all(rivals.map(({ child }) => once(child, 'spawn')));
    for (const { child } of rivals) child.stdin.write('try\n');
    const answers = await Promise.all(rivals.map(({ next }) => next()));
    expect(answers.filter((answer) => answer === 'held').length).toBe(1);
    expect(answers.filter((answer) => answer === 'STORE_LOCKED').length).toBe(3);
    await Promise.all(rivals.map(({ end }) => end('SIGKILL')));
    acquireLock(place).release();
  }
});

test('a directory that cannot be written is STORE_UNAVAILABLE, not locked', () => {
  writeFileSync(join(root, 'file'), '');
  expect(() => acquireLock(join(root, 'file', 'below'))).toThrow(
    expect.objectContaining({ code: 'STORE_UNAVAILABLE' }),
  );
});
