/**
 * The composition root: opens the engine of threads and puts the system in front of it. Loaded when a system is
 * opened, since it brings everything with it.
 */
import type { ResolvedOptions } from '../host/options.ts';
import { System } from '../host/system-face.ts';
import { ThreadEngine } from './thread-engine.ts';

/** Whatever fails, nothing is left open. */
export async function openSystem(options: ResolvedOptions): Promise<System> {
  const engine = await ThreadEngine.open(options);
  const system = new System(engine);
  engine.face = system;
  return system;
}
