/**
 * Locking a realm down with SES (the optional package `ses`, loaded only when an actor is hardened):
 * the language's own objects lose what reaches beyond them and become immutable, for the whole thread
 * and for good. Two strokes, so that guards can be put in place between them.
 *
 * Never in the embedder's thread unasked: lanes do it at their start, tests and replays call
 * `lockdown()` of `ses` themselves.
 */
import { SynapseError } from '../base/error.ts';

/** What SES puts on the global object. */
export interface Realm {
  harden<T>(value: T): T;
  readonly Compartment: new (options: object) => unknown;
}

interface SesGlobals extends Partial<Realm> {
  readonly repairIntrinsics?: (options: object) => void;
  readonly hardenIntrinsics?: () => void;
}

/**
 * Everything that SES would do beside its purpose is off: the guards see to locale, the lane to
 * rejections, and the console and stacks stay what operators know. Overrides are `moderate` so that
 * libraries may still set `toString` or `name` on objects of their own.
 */
const OPTIONS = {
  consoleTaming: 'unsafe',
  domainTaming: 'unsafe',
  errorTaming: 'unsafe',
  errorTrapping: 'none',
  localeTaming: 'unsafe',
  overrideTaming: 'moderate',
  reporting: 'none',
  stackFiltering: 'verbose',
  unhandledRejectionTrapping: 'none',
};

const ADVICE = 'run npm install ses (2.3 or later), an optional dependency of synapse-actors';

/** Loads SES and repairs the intrinsics of this thread; the function that comes back makes them immutable. */
export async function repairRealm(): Promise<() => void> {
  await loadSes();
  const realm = globalThis as SesGlobals;
  realm.repairIntrinsics?.(OPTIONS);
  return () => realm.hardenIntrinsics?.();
}

/** Throws `INVALID_ARGUMENT` with advice when `ses` is not installed. Loads nothing. */
export function checkSes(): void {
  try {
    import.meta.resolve('ses');
  } catch (error) {
    throw missing(error);
  }
}

async function loadSes(): Promise<void> {
  try {
    await import('ses');
  } catch (error) {
    throw missing(error);
  }
}

function missing(cause: unknown): SynapseError {
  const message = `an actor is hardened, which needs the package ses: ${ADVICE}`;
  return new SynapseError('INVALID_ARGUMENT', message, { option: 'actors' }, cause);
}

/** The locked-down realm of this thread; `INVALID_ARGUMENT` when it is not locked down. */
export function lockedRealm(subject: string): Realm {
  const { harden, Compartment } = globalThis as SesGlobals;
  if (harden !== undefined && Compartment !== undefined && Object.isFrozen(Object.prototype)) {
    return { harden, Compartment };
  }
  const message =
    `${subject} is hardened, and this thread is not locked down: before anything else call ` +
    `\`import 'ses'; lockdown()\` (${ADVICE}), or run the actor in createSystem, whose lanes do so by themselves`;
  throw new SynapseError('INVALID_ARGUMENT', message, { option: 'actors' });
}
