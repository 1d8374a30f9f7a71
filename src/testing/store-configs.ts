/**
 * Configurations of a store, as a lane needs them: every recorded step names the one it ran under.
 */
import { type KernelConfig, decodeConfig } from '../actor/kernel-config.ts';
import type { Store } from '../store/store.ts';

/** All configurations up to `configId`, the newest. */
export function configsOf(store: Store, configId: number): Map<number, KernelConfig> {
  const configs = new Map<number, KernelConfig>();
  for (let id = 0; id <= configId; id++) {
    const bytes = store.config(id);
    if (bytes !== undefined) configs.set(id, decodeConfig(bytes));
  }
  return configs;
}
