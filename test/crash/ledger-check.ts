/**
 * Opens what the killed processes have left and compares it with what they acknowledged: nothing lost,
 * nothing twice, nothing out of order. Waits for what is still under way (timers, tells) by asking again.
 */
import { type System, createSystem } from 'synapse-actors';
import { readFileSync } from 'node:fs';
import { LOAD_OPTIONS, STREAMS, isKeyed } from './load.ts';
import { numberKey, tally } from './tally.ts';

/** Entries read by one query. */
const PAGE = 20_000;

/** A bound that only ends a test that would hang. */
const PATIENCE_MS = 60_000;

/** What was wrong, each as a sentence; and how much there was to look at. */
export interface Verdict {
  readonly lost: string[];
  readonly twice: string[];
  readonly swapped: string[];
  readonly effects: string[];
  applied: number;
}

async function readTable(system: System, tenant: string, key: string, table: string): Promise<Map<number, number>> {
  const entries = new Map<number, number>();
  for (let after = ''; ;) {
    const page = await system.ref(tally, tenant, key).page(table, after, PAGE);
    for (let i = 0; i < page.length; i += 2) entries.set(page[i] ?? -1, page[i + 1] ?? 0);
    if (page.length < 2 * PAGE) return entries;
    after = numberKey(page.at(-2) ?? 0);
  }
}

async function settle(system: System, tenant: string, key: string, table: string, size: number): Promise<void> {
  const endMs = Date.now() + PATIENCE_MS;
  while ((await system.ref(tally, tenant, key).size(table)) < size && Date.now() < endMs) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Every number of `expected` in `present`, and each there once. */
function compare(verdict: Verdict, where: string, expected: Iterable<number>, present: Map<number, number>): void {
  for (const n of expected) if (!present.has(n)) verdict.lost.push(`${where} ${n}`);
  for (const [n, times] of present) if (times !== 1) verdict.twice.push(`${where} ${n}: ${times} times`);
  verdict.applied += present.size;
}

async function checkTenant(
  system: System,
  verdict: Verdict,
  tenant: string,
  next: string,
  acknowledged: readonly ReadonlySet<number>[],
): Promise<void> {
  for (const [s, stream] of STREAMS.entries()) {
    const acked = acknowledged[s] ?? new Set();
    const seen = await readTable(system, tenant, stream, 'seen');
    compare(verdict, `${tenant} ${stream}`, acked, seen);
    if (isKeyed(stream) && seen.size > 0 && [...seen.keys()].at(-1) !== seen.size - 1) {
      verdict.lost.push(`${tenant} ${stream}: ${seen.size} numbers up to ${[...seen.keys()].at(-1)}, a gap`);
    }
    const follow = stream === 'later' ? 'rung' : 'seen';
    const isCross = stream === 'relay' || stream === 'forward';
    if (!isCross && stream !== 'later') continue;
    const [where, key] = isCross ? [next, `${stream}-from-${tenant}`] : [tenant, stream];
    await settle(system, where, key, follow, seen.size);
    compare(verdict, `${where} ${key} ${follow}`, seen.keys(), await readTable(system, where, key, follow));
    if (isCross && (await system.ref(tally, where, key).swaps()) > 0) verdict.swapped.push(`${where} ${key}`);
  }
  for (const stream of STREAMS) {
    const swaps = await system.ref(tally, tenant, stream).swaps();
    if (swaps > 0) verdict.swapped.push(`${tenant} ${stream}: ${swaps}`);
  }
}

/** One key for a number, however often it was tried; a number of `postOnce` tried once at most. */
function checkEffects(verdict: Verdict, file: string, onceFile: string): void {
  for (const [path, most] of [
    [file, Number.POSITIVE_INFINITY],
    [onceFile, 1],
  ] as const) {
    const keys = new Map<string, string[]>();
    for (const line of readFileSync(path, 'utf8')
      .split('\n')
      .filter((text) => text !== '')) {
      const [tenant = '', n = '', key = ''] = line.split(' ');
      keys.set(`${tenant} ${n}`, [...(keys.get(`${tenant} ${n}`) ?? []), key]);
    }
    const all = new Set<string>();
    for (const [name, list] of keys) {
      if (new Set(list).size > 1) verdict.effects.push(`${name}: ${new Set(list).size} keys`);
      if (list.length > most) verdict.effects.push(`${name}: tried ${list.length} times after a crash`);
      if (all.has(list[0] ?? '')) verdict.effects.push(`${name}: a key that another has`);
      all.add(list[0] ?? '');
    }
  }
}

/** Compares the data with the acknowledgements, by tenant and stream. */
export async function checkLedger(
  dataDir: string,
  effectFile: string,
  tenants: readonly string[],
  acknowledged: readonly (readonly ReadonlySet<number>[])[],
  lanes: number,
): Promise<Verdict> {
  const verdict: Verdict = { lost: [], twice: [], swapped: [], effects: [], applied: 0 };
  const system = await createSystem({
    ...LOAD_OPTIONS,
    actors: new URL('./tally.js', import.meta.url),
    dataDir,
    lanes,
  });
  try {
    for (const [t, tenant] of tenants.entries()) {
      await checkTenant(system, verdict, tenant, tenants[(t + 1) % tenants.length] ?? '', acknowledged[t] ?? []);
    }
  } finally {
    await system.close();
  }
  checkEffects(verdict, effectFile, `${effectFile}.once`);
  return verdict;
}
