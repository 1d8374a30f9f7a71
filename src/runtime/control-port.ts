/**
 * The control surface between threads, by Comlink: start, stop, figures, moves. Never for messages.
 *
 * Comlink loses the code of an error, so what crosses is a value or an encoded error; and a call to a
 * thread that died never settles, so every call races with the thread's death.
 */
import type { MessagePort } from 'node:worker_threads';
import { type Endpoint, type Remote, expose, releaseProxy, wrap } from 'comlink';
import { SynapseError } from '../base/error.ts';
import { decodeError, encodeError } from '../frame/frame.ts';

/** A result that keeps the code of an error. */
export type Reply<T> = { readonly value: T } | { readonly error: Uint8Array };

/** A listener of the browser's kind, as Comlink hands it over. */
type Listener =
  | ((event: { readonly data: unknown }) => void)
  | { handleEvent(event: { readonly data: unknown }): void };

/** Node's port in the shape of the browser's, which Comlink speaks. */
function endpointOf(port: MessagePort): Endpoint {
  const listeners = new Map<Listener, (message: unknown) => void>();
  const endpoint = {
    postMessage: (message: unknown, transfer: readonly MessagePort[] = []) => port.postMessage(message, [...transfer]),
    addEventListener: (_type: string, listener: Listener) => {
      const onMessage = (data: unknown): void => {
        if (typeof listener === 'function') listener({ data });
        else listener.handleEvent({ data });
      };
      listeners.set(listener, onMessage);
      port.on('message', onMessage);
    },
    removeEventListener: (_type: string, listener: Listener) => {
      const onMessage = listeners.get(listener);
      if (onMessage !== undefined) port.off('message', onMessage);
      listeners.delete(listener);
    },
    start: () => port.start(),
  };
  return endpoint as unknown as Endpoint; // the same by shape; only the DOM's type names differ
}

/** Offers `surface` to the other end of the port. */
export function offer(surface: object, port: MessagePort): void {
  expose(surface, endpointOf(port));
}

/** Runs `work` and gives its value, or its error with its code. */
export async function replyWith<T>(work: () => T | Promise<T>): Promise<Reply<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    const known =
      error instanceof SynapseError
        ? error
        : new SynapseError(
            'INVALID_ARGUMENT',
            error instanceof Error ? `${error.name}: ${error.message}` : String(error),
          );
    return { error: encodeError(known).slice() };
  }
}

/** The surface of a thread, as its owner sees it. */
export class Control<Surface extends object> {
  readonly #remote: Remote<Surface>;
  readonly #port: MessagePort;
  readonly #death: Promise<never>;
  #die: (error: SynapseError) => void = () => undefined;
  #error: SynapseError | undefined;

  constructor(port: MessagePort) {
    this.#port = port;
    this.#remote = wrap<Surface>(endpointOf(port));
    this.#death = new Promise<never>((_resolve, reject) => {
      this.#die = reject;
    });
    this.#death.catch(() => undefined); // those who wait hear of it through their race
  }

  /** Calls the surface; rejects when the thread dies before it answers. */
  async call<T>(work: (remote: Remote<Surface>) => Promise<Reply<T>>): Promise<T> {
    if (this.#error !== undefined) throw this.#error;
    const reply = await Promise.race([work(this.#remote), this.#death]);
    if ('error' in reply) throw decodeError(reply.error);
    return reply.value;
  }

  /** The thread is gone: everything that waits for it is rejected. */
  die(reason: string): void {
    if (this.#error !== undefined) return;
    this.#error = new SynapseError('CLOSED', `the thread died: ${reason}`);
    this.#die(this.#error);
    // Comlink's registry holds the endpoint, that what waits for an answer, and that (by the error's stack) this
    // object with its proxy: without the release nothing of a dead thread would ever be collected.
    this.#remote[releaseProxy]();
    this.#port.close();
  }
}
