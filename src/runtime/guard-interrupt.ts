/**
 * Keeps threads interruptible: whoever ends a thread (the watchdog, a full heap, `terminate`) relies on
 * V8 looking for an interrupt in each loop. TurboFan's loop unrolling in V8 13.6 (Node 24.21) drops that
 * look from some loops without end, such as `for (;;) list.push(new Array(1000).fill(0))`: such a thread
 * cannot be ended at all, and takes all memory. Without unrolling it can (docs/adr/0005).
 */
import { setFlagsFromString } from 'node:v8';

/** The first V8 with the flag that was tried; on earlier ones, without the fault, it is unknown. */
const FIRST_V8_MAJOR = 12;

/** Call it in the process before it starts threads that run user code. Holds for the whole process; idempotent. */
export function keepInterruptible(): void {
  const major = Number.parseInt(process.versions.v8, 10);
  if (major >= FIRST_V8_MAJOR) setFlagsFromString('--no-turboshaft-loop-unrolling');
}
