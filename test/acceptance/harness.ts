/**
 * What every acceptance test stands on: systems that are always closed, directories that are always
 * removed, gates that hold an effect open, and waits that follow a condition and never a clock.
 * Imports the public package only. Never reaches into src.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSystem, SynapseError } from 'synapse-actors';
import { afterEach, expect, vi } from 'vitest';

// Lanes start threads: on a busy two-core machine the first call may take seconds. Bounds, not expectations.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

export type Options = Parameters<typeof createSystem>[0];
export type System = Awaited<ReturnType<typeof createSystem>>;
export type Tenant = Awaited<ReturnType<System['tenants']>>[number];

interface Closable {
  close(): Promise<void>;
}

const opened = new Set<Closable>();
const folders = new Set<string>();

/** Where a compiled fixture stands. */
export function fixture(name: string): URL {
  return new URL(`./fixtures/${name}.js`, import.meta.url);
}

/** A system over one or more fixtures with one lane unless told otherwise; closed after the test. */
export async function open(name: string | readonly string[], options: Partial<Options> = {}): Promise<System> {
  const actors = typeof name === 'string' ? fixture(name) : name.map(fixture);
  const system = await createSystem({ lanes: 1, shards: 8, ...options, actors } as Options);
  return keep(system);
}

/** Registers anything with `close()` for the end of the test. */
export function keep<T extends Closable>(system: T): T {
  opened.add(system);
  return system;
}

/** A new empty directory, removed after the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'synapse-acceptance-'));
  folders.add(path);
  return path;
}

/** A file that an effect waits for; `open` lets it go on, `started` tells that it is under way. */
export interface Gate {
  readonly path: string;
  open(answer?: string): void;
  started(): Promise<void>;
}

/** What `fixtures/child-process.ts` is told to do. */
export interface Script {
  readonly fixture: string;
  readonly type: string;
  readonly dataDir: string;
  readonly options?: Record<string, unknown>;
  readonly calls?: readonly Step[];
  readonly load?: {
    readonly tenants: number;
    readonly keys: number;
    readonly from: readonly number[];
    readonly inFlight: number;
  };
  /** Largest file the process may write, in KiB: a disk that is full at that size. */
  readonly fileLimitKb?: number;
}

/** One call of a child process; a detached one is not awaited. */
export interface Step {
  readonly tenant: string;
  readonly key: string;
  readonly handler: string;
  readonly args: readonly unknown[];
  readonly idempotencyKey?: string;
  readonly detached?: boolean;
  /** Adds one more argument: a string of so many bytes. */
  readonly paddingBytes?: number;
}

/** The answer to one step. */
export interface Answer {
  readonly ok?: unknown;
  readonly error?: string;
  readonly message?: string;
  readonly details?: unknown;
}

/** A process with a system of its own. */
export interface Child {
  /** What it printed so far, parsed. */
  printed(): unknown[];
  /** Resolves when all its calls were made; with their answers. */
  ready(): Promise<Answer[]>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
}

const children = new Set<Child>();

/** Starts a process that is killed after the test at the latest. */
export function startChild(script: Script): Child {
  const { fixture: name, dataDir, options, fileLimitKb, ...rest } = script;
  const told = JSON.stringify({
    ...rest,
    actors: fixture(name).href,
    options: { lanes: 1, shards: 8, ...options, dataDir },
  });
  const node = [fileURLToPath(fixture('child-process')), told];
  const started =
    fileLimitKb === undefined
      ? spawn(process.execPath, node, { stdio: ['ignore', 'pipe', 'inherit'] })
      : spawn('bash', ['-c', `ulimit -f ${fileLimitKb}; exec "$0" "$@"`, process.execPath, ...node], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
  let gone = false;
  const exit = new Promise<void>((resolve) => started.once('exit', () => ((gone = true), resolve())));
  let text = '';
  started.stdout!.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const printed = (): unknown[] =>
    text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown);
  const child: Child = {
    printed,
    ready: async () => {
      await until(() => gone || printed().includes('ready'), 'the child process');
      if (!printed().includes('ready')) throw new Error(`the child process ended early: ${text}`);
      return printed().filter((line) => typeof line === 'object' && !Array.isArray(line)) as Answer[];
    },
    kill: async () => {
      children.delete(child);
      started.kill('SIGKILL');
      await exit;
    },
  };
  children.add(child);
  return child;
}

let gates = 0;
/** A closed gate for the `gate` effect of the fixtures. */
export function gate(): Gate {
  const path = join(folder(), `gate-${++gates}`);
  return {
    path,
    open: (answer = 'opened') => {
      // Whole at once: who waits for the file must not see it empty.
      writeFileSync(`${path}.new`, answer);
      renameSync(`${path}.new`, path);
    },
    started: () => until(() => lines(`${path}.started`).length > 0, 'the effect to start'),
  };
}

/** The lines of a file, none when it does not exist. */
export function lines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    return [];
  }
}

/** Polls `condition` until it holds; the bound only ends a test that would hang. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  boundMs = 45_000,
): Promise<void> {
  const endMs = Date.now() + boundMs;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Fails a promise that would hang, naming what did. */
export async function settled<T>(promise: Promise<T>, what: string, boundMs = 45_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`never settled: ${what}`)), boundMs);
  });
  try {
    return await Promise.race([promise, bound]);
  } finally {
    clearTimeout(timer);
  }
}

/** The SynapseError that `work` rejects (or throws) with. */
export async function errorOf(work: (() => unknown) | Promise<unknown>): Promise<SynapseError> {
  let value: unknown;
  try {
    value = await settled(Promise.resolve(typeof work === 'function' ? work() : work), 'a call that should fail');
  } catch (error) {
    if (!(error instanceof SynapseError)) throw error;
    return error;
  }
  throw new Error(`expected a SynapseError, got the value ${String(JSON.stringify(value) ?? value)}`);
}

/** The code that `work` fails with. */
export async function codeOf(work: (() => unknown) | Promise<unknown>): Promise<string> {
  return (await errorOf(work)).code;
}

/** The first `count` items of an async iterable, which is then left. */
export async function take<T>(items: AsyncIterable<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  if (count === 0) return taken;
  const reading = (async (): Promise<void> => {
    for await (const item of items) {
      taken.push(item);
      if (taken.length >= count) return;
    }
  })();
  try {
    await settled(reading, `${count} items`);
  } catch (error) {
    throw new Error(`got ${taken.length} of ${count} items: ${JSON.stringify(taken)}`, { cause: error });
  }
  return taken;
}

/** The tenant's row of `system.tenants()`, or nothing. */
export async function tenant(system: System, name: string): Promise<Tenant | undefined> {
  return (await system.tenants()).find((row) => row.tenant === name);
}

/** A state root as text, to compare. */
export async function rootOf(system: System, name: string): Promise<string> {
  const row = await tenant(system, name);
  return row === undefined ? 'absent' : Buffer.from(row.stateRoot).toString('hex');
}

/** The seq a tenant has reached; 0 when it is unknown. */
export async function seqOf(system: System, name: string): Promise<number> {
  return Number((await tenant(system, name))?.seq ?? 0);
}

/** The formula of api.md, written again. */
export function shardOf(name: string, shards: number): number {
  return Number.parseInt(createHash('sha256').update(name).digest('hex').slice(0, 8), 16) % shards;
}

/** A tenant name whose shard is `shard`. */
export function tenantOn(shard: number, shards: number, prefix = 't'): string {
  for (let i = 0; ; i++) if (shardOf(`${prefix}${i}`, shards) === shard) return `${prefix}${i}`;
}

/** A call by name, for handlers that the types do not know. */
export function named(ref: unknown, handler: string): (...args: unknown[]) => Promise<unknown> {
  return (ref as Record<string, (...args: unknown[]) => Promise<unknown>>)[handler]!;
}

/** Two values have the same shape; the assertion names both. */
export function same(actual: unknown, expected: unknown): void {
  expect(actual).toStrictEqual(expected);
}

afterEach(async () => {
  await Promise.all([...children].map((child) => child.kill()));
  const closing = [...opened].map((system) => settled(system.close(), 'close()'));
  opened.clear();
  const results = await Promise.allSettled(closing);
  for (const path of folders) rmSync(path, { recursive: true, force: true });
  folders.clear();
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw new Error('close() failed', { cause: failed.reason });
});
