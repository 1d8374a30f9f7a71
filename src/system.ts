/**
 * `createSystem`: it checks the options, loads the engine of threads, opens it and hands out the system that the
 * embedder holds.
 */
import { isMainThread } from 'node:worker_threads';
import { type SystemOptions, resolveOptions } from './host/options.ts';
import type { System } from './host/system-face.ts';

export type { System } from './host/system-face.ts';
export type { Grant, Retention, SystemOptions } from './host/options.ts';

type Engine = typeof import('./runtime/system-opening.ts');

const load = (): Promise<Engine> => import('./runtime/system-opening.ts');

/**
 * The engine is most of this package, and a lane or an effect's thread, whose actors import it for `actor`, has no use
 * for it: 30 ms of each of them. Where a system is likely to be opened it loads while the embedder's own modules do.
 */
let engine: Promise<Engine> | undefined = isMainThread ? load() : undefined;
engine?.catch(() => undefined); // told to whoever opens a system

/**
 * Opens a system: starts its threads, opens or makes the store, takes its directory for itself. Resolves
 * when calls are taken; what was under way in tenants recovers in the background. Whatever fails, no
 * thread and no file is left open.
 *
 * @throws SynapseError `INVALID_ARGUMENT` (names the option, or the module that cannot be loaded),
 * `SHARD_COUNT_MISMATCH`, `STORE_LOCKED`, `STORE_CORRUPT`, `STORE_UNAVAILABLE`
 *
 * @example
 * await using system = await createSystem({ actors: new URL('./account.js', import.meta.url), dataDir: './data' });
 * await system.ref(account, 'acme', 'alice').deposit(10);
 */
export async function createSystem(options: SystemOptions): Promise<System> {
  const resolved = resolveOptions(options);
  engine ??= load();
  const { openSystem } = await engine;
  return openSystem(resolved);
}
