/**
 * Options of a system in one thread: those of every system, and what stands in for the world.
 */
import type { EffectStub } from '../host/effect-local.ts';
import type { SystemOptions } from '../host/options.ts';

/** Options of `testSystem`: those of `createSystem`, of which `dataDir`, `lanes` and threads' limits have no effect here, and stubs. */
export interface TestOptions extends SystemOptions {
  /** Stand-ins by effect name, or by `actor.effect`: functions, or `effect(…)` with options of its own. Without one: `EFFECT_FAILED`. */
  readonly effects?: Readonly<Record<string, EffectStub>>;
  /** Where chance starts, a 32-bit integer: the same seed gives the same run. Default 1. */
  readonly seed?: number;
  /** Where the clock starts, ms since 1970. Default 2024-01-01. */
  readonly startMs?: number;
}

/** What may be different after a crash: other code, other options. */
export type ReopenOptions = Partial<Omit<TestOptions, 'seed' | 'startMs'>>;
