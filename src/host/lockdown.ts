/**
 * Locking a realm down with SES (the optional package `ses`, loaded only when an actor is hardened):
 * the language's own objects lose what reaches beyond them and become immutable, for the whole thread
 * and for good. Two strokes, so that guards can be put in place between them.
 *
 * Never in the embedder's thread unasked: lanes do it at their start, replays too, and tests call
 * `lockDown()`.
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

/**
 * Locks this thread down as a lane is, for good: everything of the language becomes immutable. For tests of
 * hardened actors in `testSystem` or `simulate`, in a process of their own: other libraries may not bear it.
 * After it a second call does nothing. `INVALID_ARGUMENT` when `ses` is not installed.
 *
 * @example
 * import { lockDown, testSystem } from 'synapse-actors/testing';
 * await lockDown(); // TZ=UTC LANG=en_US.UTF-8 node account.test.js
 * const system = await testSystem({ actors: new URL('./account.js', import.meta.url) });
 */
export async function lockDown(): Promise<void> {
  if (isLocked()) return;
  (await repairRealm())();
}

function isLocked(): boolean {
  const { harden, Compartment } = globalThis as SesGlobals;
  return harden !== undefined && Compartment !== undefined && Object.isFrozen(Object.prototype);
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
  if (isLocked() && harden !== undefined && Compartment !== undefined) return { harden, Compartment };
  const message =
    `${subject} is hardened, and this thread is not locked down: call lockDown() of synapse-actors/testing first, ` +
    `in a process of its own (${ADVICE}), or run the actor in createSystem, whose lanes do so by themselves`;
  throw new SynapseError('INVALID_ARGUMENT', message, { option: 'actors' });
}
