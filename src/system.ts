/**
 * `createSystem`: the composition root. It checks the options, opens the engine of threads and hands
 * out the system that the embedder holds.
 */
import { type SystemOptions, resolveOptions } from './host/options.ts';
import { System } from './host/system-face.ts';
import { ThreadEngine } from './runtime/thread-engine.ts';

export { System } from './host/system-face.ts';
export type { Grant, Retention, SystemOptions } from './host/options.ts';

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
  const engine = await ThreadEngine.open(resolveOptions(options));
  const system = new System(engine);
  engine.face = system;
  return system;
}
