/**
 * Time-outs of calls, many at a time: calls that are made in the same millisecond with the same time-out share one
 * timer, which is taken back when all of them have their answers. A call costs a count, not a timer.
 */

export interface DeadlinePorts {
  /** Calls back once, after `ms`; returns what takes it back. */
  after(ms: number, callback: () => void): () => void;
}

/** The end of some calls, all of them numbered from `firstId` on. */
export interface Deadline {
  readonly madeMs: number;
  readonly timeoutMs: number;
  readonly firstId: number;
  openCount: number;
  readonly stop: () => void;
}

export class Deadlines {
  readonly #ports: DeadlinePorts;
  readonly #onEnd: (deadline: Deadline) => void;
  /** The one that was made last: calls of the same millisecond follow each other. */
  #latest: Deadline | undefined;

  constructor(ports: DeadlinePorts, onEnd: (deadline: Deadline) => void) {
    this.#ports = ports;
    this.#onEnd = onEnd;
  }

  /** The deadline of call `id`, made now. */
  open(madeMs: number, timeoutMs: number, id: number): Deadline {
    let deadline = this.#latest;
    if (deadline === undefined || deadline.madeMs !== madeMs || deadline.timeoutMs !== timeoutMs) {
      const made: Deadline = {
        madeMs,
        timeoutMs,
        firstId: id,
        openCount: 0,
        stop: this.#ports.after(timeoutMs, () => {
          if (this.#latest === made) this.#latest = undefined;
          this.#onEnd(made);
        }),
      };
      this.#latest = made;
      deadline = made;
    }
    deadline.openCount += 1;
    return deadline;
  }

  /** One of its calls has ended. */
  close(deadline: Deadline): void {
    deadline.openCount -= 1;
    if (deadline.openCount > 0) return;
    deadline.stop();
    if (this.#latest === deadline) this.#latest = undefined;
  }
}
