/**
 * Makes what threads start with beside their code: the engine's own form of it, with all functions that an opening and a
 * first call have run. A process is filled and killed; the next one opens what it left, is asked for a counter, and its
 * threads are told to write down their code (src/runtime/code-cache.ts).
 *
 *   node warm-up.js fill DIR     one of the two processes
 *   node warm-up.js open DIR     the other
 *
 * Each thread of the second one loads this file first, and notes the scripts that are made in it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';
import { cacheFile, sealedCache } from './src/runtime/code-cache.ts';

const SELF = fileURLToPath(import.meta.url);
const CHANNEL = 'synapse-warm-up';
const TENANTS = 64;
const COMMANDS = 20;

/** Writes the caches of the code in `files`; throws when one could not be made. */
export async function warmUp(files: readonly string[]): Promise<void> {
  const dir = mkdtempSync(fileURLToPath(new URL('./warm-', import.meta.url)));
  try {
    await run(['fill', dir], []);
    await run(['open', dir], ['--import', import.meta.url]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  for (const file of files) if (!existsSync(cacheFile(file))) throw new Error(`${file} has no cache`);
}

/** Runs one of the processes until it has said that it is done; then it is killed. */
async function run(args: readonly string[], options: readonly string[]): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, [...options, SELF, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const said = await Promise.race([once(child.stdout ?? child, 'data'), closed]);
  child.kill('SIGKILL');
  await closed;
  if (String(said[0]) !== 'done\n') throw new Error(`warming up failed: ${args[0]}`);
}

async function work(what: string, dataDir: string): Promise<void> {
  const { createSystem } = await import('./src/index.ts');
  const { counter } = await import('./actors/counter.ts');
  const system = await createSystem({ actors: new URL('./actors/counter.js', import.meta.url), dataDir, lanes: 1 });
  const counters = Array.from({ length: TENANTS }, (_, at) => system.ref(counter, `tenant-${at}`, 'one'));
  if (what === 'fill') {
    for (let at = 0; at < COMMANDS; at++) await Promise.all(counters.map((one) => one.increment()));
  } else {
    if ((await counters[0]?.count()) !== COMMANDS) throw new Error('another count');
    const threads = new BroadcastChannel(CHANNEL);
    for (let left = 2; left > 0; left--) {
      const written = new Promise((resolve) => (threads.onmessage = resolve));
      if (left === 2) threads.postMessage('write');
      await written;
    }
  }
  process.stdout.write('done\n');
}

/** Notes what scripts are made in this thread, and writes their caches when it is told to. */
function note(): void {
  const scripts: { readonly file: string; readonly script: vm.Script }[] = [];
  const Real = vm.Script;
  vm.Script = class extends Real {
    constructor(text: string, options: vm.ScriptOptions) {
      super(text, options);
      scripts.push({ file: String(options.filename), script: this });
    }
  };
  const channel = new BroadcastChannel(CHANNEL);
  channel.unref();
  channel.onmessage = (event: unknown) => {
    if ((event as { readonly data: unknown }).data !== 'write') return; // another thread's answer
    for (const { file, script } of scripts) {
      writeFileSync(`${cacheFile(file)}.new`, sealedCache(readFileSync(file), script.createCachedData()));
      renameSync(`${cacheFile(file)}.new`, cacheFile(file));
    }
    if (scripts.length > 0) channel.postMessage('written');
  };
}

const [, program, what = '', dataDir = ''] = process.argv;
if (!isMainThread) note();
else if (program === SELF) await work(what, dataDir);
