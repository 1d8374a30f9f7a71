/**
 * A clock that stands still until it is told to go. Callbacks run in the order of their times; those
 * of the same time in the order they were set.
 */
interface Appointment {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
}

export class VirtualClock {
  #nowMs: number;
  #order = 0;
  readonly #appointments: Set<Appointment> = new Set();

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Calls back once the clock has moved `ms` on; returns what takes it back. */
  after(ms: number, callback: () => void): () => void {
    const appointment = { dueMs: this.#nowMs + Math.max(0, ms), order: this.#order++, callback };
    this.#appointments.add(appointment);
    return () => void this.#appointments.delete(appointment);
  }

  /** When the next callback is due; infinity without one. */
  get nextDueMs(): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { dueMs } of this.#appointments) nextMs = Math.min(nextMs, dueMs);
    return nextMs;
  }

  /** Moves to `toMs`; never backwards, and calls nobody. */
  setTo(toMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, toMs);
  }

  /** Calls back what is due. */
  fire(): void {
    const due = [...this.#appointments].filter(({ dueMs }) => dueMs <= this.#nowMs);
    due.sort((a, b) => a.dueMs - b.dueMs || a.order - b.order);
    for (const appointment of due) {
      if (this.#appointments.delete(appointment)) appointment.callback();
    }
  }
}
