/**
 * A full garbage collection on demand. Whether a heap is really full can only be said after one: V8
 * lets garbage stand as long as its own limit is far. The flag that shows the collector is set for the
 * one moment in which a context is made that has it.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** The collector, or nothing on an engine that does not give it. Call it before the guards stand. */
export function exposeCollector(): (() => void) | undefined {
  setFlagsFromString('--expose-gc');
  try {
    const collect: unknown = runInNewContext('typeof gc === "function" ? gc : undefined');
    return typeof collect === 'function' ? (collect as () => void) : undefined;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
