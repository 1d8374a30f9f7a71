/** A `testSystem` over fixtures, closed after the test: the virtual clock of the timer tests. */
import { testSystem } from 'synapse-actors/testing';
import { fixture, keep } from './harness.ts';

type VirtualOptions = Parameters<typeof testSystem>[0];
type VirtualSystem = Awaited<ReturnType<typeof testSystem>>;

/** The same interface in one thread, whose time moves only by `advance`. */
export async function openVirtual(
  name: string | readonly string[],
  options: Partial<VirtualOptions> = {},
): Promise<VirtualSystem> {
  const actors = typeof name === 'string' ? fixture(name) : name.map(fixture);
  return keep(await testSystem({ ...options, actors } as VirtualOptions));
}
