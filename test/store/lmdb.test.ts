/** What only the LMDB driver can show: files, real full disks, handles. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLmdb } from '../../src/store/lmdb.ts';
import { Store } from '../../src/store/store.ts';
import { startProcess } from './process-lines.ts';

const unavailable = expect.objectContaining({ code: 'STORE_UNAVAILABLE' });

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'synapse-lmdb.'));
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const stepOf = (seq: number, sizeBytes: number): Parameters<Store['commit']>[0][number] => ({
  shard: 0,
  tenant: 't',
  seq,
  body: new Uint8Array(sizeBytes).fill(seq),
  events: [],
});

test('a directory may hold a dot, a space and letters beyond ASCII, and its parents are made', () => {
  const dir = join(root, 'a.b', 'c d', 'ü.mdb');
  const store = openLmdb(dir);
  store.commit([[Uint8Array.of(1), Uint8Array.of(1)]]);
  expect(readdirSync(dir).toSorted()).toEqual(['data.mdb', 'lock.mdb']);
  store.close();
});

test('opens nothing where there is nothing and is told not to create, and makes no file there', () => {
  const dir = join(root, 'nothing');
  expect(() => openLmdb(dir, { create: false })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  expect(existsSync(dir)).toBe(false);
});

test('a data file that is no LMDB environment is refused with a code', () => {
  const dir = join(root, 'foreign');
  mkdirSync(dir);
  writeFileSync(join(dir, 'data.mdb'), new Uint8Array(8192).fill(7));
  expect(() => openLmdb(dir)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
});

test('a data file cut anywhere in its head, or before the roots of its trees, is refused with a code', () => {
  const dir = join(root, 'cut');
  const path = join(dir, 'data.mdb');
  const store = openLmdb(dir);
  store.commit([[Uint8Array.of(1), new Uint8Array(100)]]);
  store.close();
  const whole = readFileSync(path);
  for (const length of [1, 100, 159, 160, 4_095, 4_096, 4_200, 8_191, 8_192]) {
    writeFileSync(path, whole.subarray(0, length));
    expect(() => openLmdb(dir)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
  }
  writeFileSync(path, whole);
  const again = openLmdb(dir);
  expect(again.get(Uint8Array.of(1))).toEqual(new Uint8Array(100));
  again.close();
});

test('a meta page of another kind, magic, version or page size is refused with a code', () => {
  const dir = join(root, 'meta');
  const path = join(dir, 'data.mdb');
  openLmdb(dir).close();
  const whole = readFileSync(path);
  for (const at of [18, 24, 27, 28, 49, 4_096 + 18, 4_096 + 24, 4_096 + 28]) {
    const damaged = Buffer.from(whole);
    damaged[at] = damaged.readUInt8(at) ^ 0x0c;
    writeFileSync(path, damaged);
    expect(() => openLmdb(dir), `byte ${at}`).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
  }
});

test('the native module is not loaded before a directory is opened', () => {
  const urls = ['store', 'memory', 'lmdb'].map((name) => new URL(`../../src/store/${name}.js`, import.meta.url).href);
  const script = `
    import { createRequire } from 'node:module';
    const [{ Store }, { MemoryKeyValue }] = await Promise.all(${JSON.stringify(urls)}.map((url) => import(url)));
    Store.open({ driver: new MemoryKeyValue(), shards: 1 }).close();
    console.log(Object.keys(createRequire(${JSON.stringify(urls[0])}).cache).filter((path) => path.includes('lmdb')).length);`;
  expect(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })).toBe('0\n');
});

test.runIf(existsSync('/proc/self/fd'))('300 opens and closes leave no file handle', () => {
  const dir = join(root, 'often');
  openLmdb(dir).close();
  const before = readdirSync('/proc/self/fd').length;
  for (let n = 0; n < 300; n++) {
    const store = openLmdb(dir);
    store.commit([[Uint8Array.of(1), Uint8Array.of(n & 255)]]);
    store.close();
  }
  expect(readdirSync('/proc/self/fd').length).toBe(before);
});

test('what was acknowledged before a write failed for good (a file size limit) is there afterwards', async () => {
  const dir = join(root, 'limited');
  // With SIGXFSZ ignored a write behind the limit fails with EFBIG, as a full disk does with ENOSPC.
  const limited = startProcess(
    ['write', dir],
    ['sh', '-c', `trap '' XFSZ; ulimit -f 4096; exec "$0" "$@"`, process.execPath],
  );
  let acknowledged = 0;
  let line = await limited.next();
  for (; line?.startsWith('ack '); line = await limited.next()) acknowledged = Number(line.slice(4));
  expect(line).toBe('error STORE_UNAVAILABLE');
  expect(acknowledged).toBeGreaterThan(10);
  await limited.end();
  const store = Store.open({ driver: openLmdb(dir), shards: 1 });
  expect([...store.records('t', 1)].map(({ seq }) => seq)).toEqual(
    Array.from({ length: acknowledged }, (_, i) => i + 1),
  );
  store.commit([stepOf(acknowledged + 1, 20_000)], []);
  store.close();
});

/** Whether system calls can be made to fail here, else why not. */
function straceFault(): string | undefined {
  try {
    systemTool('strace', ['-f', '-o', '/dev/null', 'true']);
    return undefined;
  } catch (error) {
    return `needs strace to inject faults: ${String(error).split('\n')[0]}`;
  }
}

test('an I/O error of the disk at any write or fsync of a commit surfaces, loses nothing acknowledged, and reopening goes on', async (context) => {
  const reason = straceFault();
  if (reason !== undefined) {
    console.warn(`SKIPPED: I/O errors of fsync for real: ${reason}`);
    context.skip(reason);
  }
  const steps = 6;
  let failures = 0;
  // fdatasync flushes the pages; pwrite64 writes single pages and, through O_DSYNC, the meta page; writev runs of pages.
  for (const [call, first, last] of [
    ['fdatasync', 3, 8],
    ['pwrite64', 5, 12],
    ['writev', 2, 5],
  ] as const) {
    for (let nth = first; nth <= last; nth++) {
      const dir = join(root, `eio.${call}.${nth}`);
      openLmdb(dir).close();
      const log = join(root, `eio.${call}.${nth}.log`);
      const inject = [
        '-f',
        '-o',
        log,
        '-e',
        `trace=${call}`,
        '-P',
        join(dir, 'data.mdb'),
        '-e',
        `inject=${call}:error=EIO:when=${nth}`,
      ];
      const child = startProcess(['survive', dir, `${steps}`], ['strace', ...inject, process.execPath]);
      let acknowledged = 0;
      let line = await child.next();
      for (; line !== undefined && line !== 'done' && !line.startsWith('error'); line = await child.next()) {
        const [what, rest] = line.split(' ');
        if (what === 'ack') acknowledged = Number(rest);
        else if (what === 'failed') {
          failures += 1;
          expect(rest).toBe('STORE_UNAVAILABLE');
        } else expect(line).toBe(`reopened ${acknowledged}`);
      }
      // A failed page write is where lmdb may end the process (docs/adr/0003): no output then, and nothing lost.
      expect(`${call} ${nth}: ${line}`).toMatch(call === 'fdatasync' ? /: done$/ : /: (done|undefined)$/);
      await child.end();
      const store = Store.open({ driver: openLmdb(dir), shards: 1 });
      const kept = [...store.records('t', 1)].map(({ seq }) => seq);
      expect(kept).toEqual(Array.from({ length: acknowledged }, (_, i) => i + 1));
      store.close();
    }
  }
  expect(failures).toBeGreaterThan(8);
});

test('a killed writer leaves every acknowledged commit and at most one more', async () => {
  const dir = join(root, 'killed');
  for (let round = 0; round < 3; round++) {
    const writer = startProcess(['write', dir]);
    let acknowledged = 0;
    for (let n = 0; n < 30; n++) acknowledged = Number((await writer.next())?.slice(4));
    writer.child.kill('SIGKILL');
    for (let line = await writer.next(); line?.startsWith('ack ') === true; line = await writer.next())
      acknowledged = Number(line.slice(4));
    const store = Store.open({ driver: openLmdb(dir), shards: 1 });
    const kept = [...store.records('t', 1)].map(({ seq }) => seq);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => i + 1));
    expect(kept.length).toBeGreaterThanOrEqual(acknowledged);
    expect(kept.length).toBeLessThanOrEqual(acknowledged + 1);
    store.close();
  }
});

function systemTool(program: string, args: readonly string[]): void {
  execFileSync(program, args, { stdio: 'pipe' });
}

/** A tiny file system of its own, or why there is none. */
function mountTiny(at: string, sizeKib: number): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux to mount a tmpfs';
  mkdirSync(at, { recursive: true });
  try {
    systemTool('mount', ['-t', 'tmpfs', '-o', `size=${sizeKib}k`, 'tmpfs', at]);
    return undefined;
  } catch (error) {
    return `cannot mount a tmpfs: ${String(error)}`;
  }
}

function freeBytes(at: string): number {
  const { bavail, bsize } = statfsSync(at);
  return bavail * bsize;
}

/** Takes all the space there is. */
function fill(at: string): string {
  const path = join(at, 'filler');
  writeFileSync(path, new Uint8Array(freeBytes(at)));
  return path;
}

test('on a full disk commits fail, what was acknowledged stays, and it goes on when there is space', (context) => {
  const at = join(root, 'tiny');
  const reason = mountTiny(at, 4096);
  if (reason !== undefined) {
    console.warn(`SKIPPED: disk full for real: ${reason}`);
    context.skip(reason);
  }
  try {
    const store = Store.open({ driver: openLmdb(join(at, 'data')), shards: 1 });
    let seq = 0;
    const commitUntilFull = (): void => {
      for (;;) {
        store.commit([stepOf(seq + 1, 30_000)], []);
        seq += 1;
      }
    };
    while (freeBytes(at) > 2 << 20) store.commit([stepOf(++seq, 30_000)], []);
    const filler = fill(at);
    expect(commitUntilFull).toThrow(unavailable);
    const acknowledged = seq;
    expect(() => store.commit([stepOf(seq + 1, 1)], [])).toThrow(unavailable);
    expect(() => store.tenants()).toThrow(unavailable);
    rmSync(filler);
    store.reopen();
    expect([...store.records('t', 1)].map((record) => record.seq)).toEqual(
      Array.from({ length: acknowledged }, (_, i) => i + 1),
    );
    expect(commitUntilFull).toThrow(unavailable); // full again, by its own weight
    expect(seq).toBeGreaterThan(acknowledged);
    store.close();
    const opened = Store.open({ driver: openLmdb(join(at, 'data')), shards: 1 }); // reading needs no space
    expect([...opened.records('t', 1)].length).toBe(seq);
    expect(() => opened.backup(join(at, 'copy'))).toThrow(unavailable);
    expect(readdirSync(at)).toEqual(['data']);
    opened.close();
  } finally {
    systemTool('umount', [at]);
  }
});

test('a commit that a full disk refuses is refused before lmdb writes, since a failed write of its own may end the process', async (context) => {
  const at = join(root, 'filled');
  const reason = mountTiny(at, 4096);
  if (reason !== undefined) {
    console.warn(`SKIPPED: disk full for real: ${reason}`);
    context.skip(reason);
  }
  try {
    const first = startProcess(['write', join(at, 'data'), '5']);
    await first.end();
    fill(at);
    const writer = startProcess(['write', join(at, 'data')]);
    let line = await writer.next();
    while (line?.startsWith('ack ')) line = await writer.next();
    expect(line).toBe('error STORE_UNAVAILABLE');
    expect(await writer.end()).toBe(0);
    expect(writer.complaints()).toBe(''); // lmdb prints "Write error" where it fails to write
  } finally {
    systemTool('umount', [at]);
  }
});

test('a store made on a full disk fails with a code and does not kill the process', async (context) => {
  const at = join(root, 'full');
  const reason = mountTiny(at, 256);
  if (reason !== undefined) {
    console.warn(`SKIPPED: opening on a full disk: ${reason}`);
    context.skip(reason);
  }
  try {
    for (const leaveBytes of [0, 4096, 16_384, 20_480, 28_672]) {
      writeFileSync(join(at, 'filler'), new Uint8Array(freeBytes(at) - leaveBytes));
      const child = startProcess(['write', join(at, 'data'), '1']);
      expect(`${leaveBytes} left: ${await child.next()}`).toBe(`${leaveBytes} left: error STORE_UNAVAILABLE`);
      expect(await child.end()).toBe(0);
      rmSync(join(at, 'filler'));
      const again = startProcess(['write', join(at, 'data'), '1']);
      expect(await again.next()).toBe('ack 1');
      await again.end();
      rmSync(join(at, 'data'), { recursive: true });
    }
  } finally {
    systemTool('umount', [at]);
  }
});
