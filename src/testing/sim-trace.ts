/**
 * What happened in a run, as one hash and as the last lines of a log. Every decision of the scheduler,
 * every message and every commit is noted; equal hashes, equal runs. What Node's versions word
 * differently (texts of engine errors) does not enter.
 */
import { createHash, type Hash } from 'node:crypto';
import { decodeStoreRequest } from '../actor/store-port.ts';
import { FRAME_KIND, FRAME_STATUS, type Frame } from '../frame/frame.ts';

/** Lines kept to be shown with a failure: enough to see how it came about. */
const LINES_MAX = 400;

export class Trace {
  readonly #hash: Hash = createHash('sha256');
  readonly #lines: string[] = [];
  #count = 0;
  /** Chunks are hashed together: a call into native code for each line costs more than the hash. */
  #chunk: string[] = [];

  /** Notes one event. */
  note(line: string): void {
    this.#count += 1;
    this.#chunk.push(line);
    if (this.#chunk.length >= 256) this.#flush();
    this.#lines.push(line);
    if (this.#lines.length > 2 * LINES_MAX) this.#lines.splice(0, LINES_MAX);
  }

  /** Events so far. */
  get count(): number {
    return this.#count;
  }

  /** The last events, oldest first. */
  get lines(): readonly string[] {
    return this.#lines.slice(-LINES_MAX);
  }

  /** 64 hex digits over all events; nothing can be noted afterwards. */
  digest(): string {
    this.#flush();
    return this.#hash.digest('hex');
  }

  #flush(): void {
    this.#hash.update(`${this.#chunk.join('\n')}\n`);
    this.#chunk = [];
  }
}

/** A frame in the words of the trace: of a failure its code alone, since an engine's texts differ. */
export function frameText(frame: Frame): string {
  const { kind, flags, correlation, messageId, target, handler } = frame;
  const isOk = kind !== FRAME_KIND.reply || flags === FRAME_STATUS.ok;
  const payload = isOk && kind !== FRAME_KIND.control ? Buffer.from(frame.payload).toString('base64') : '';
  return `${kind}/${flags} ${messageId}<${correlation} ${target.tenant}/${target.type}/${target.key} ${handler} ${payload}`;
}

/** A request of a lane to the store, in the words of the trace. */
export function requestText(bytes: Uint8Array): string {
  const request = decodeStoreRequest(bytes);
  if (request.kind === 'step') return `step ${request.tenant} ${request.seq}`;
  return request.kind === 'list' ? 'list' : `${request.kind} ${request.tenant}`;
}
