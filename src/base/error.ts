/**
 * The one error class of Synapse and the table of its codes.
 *
 * Three kinds of trouble exist: a bug (`assert`), an operating failure (`SynapseError` with a code
 * of this table) and an expected outcome (`Refusal`, or a return value). Codes are the same in
 * process, across threads and over the wire; `docs/errors.md` mirrors the table and a test compares
 * the two. A stack never leaves its process.
 */

/** Every code an operating failure may carry; `docs/errors.md` says when and what to do. The order is the one of that page. */
export const ERROR_CODES = [
  'REFUSED',
  'HANDLER_FAILED',
  'EFFECT_FAILED',
  'TIMEOUT',
  'MAILBOX_FULL',
  'UNKNOWN_ACTOR',
  'UNKNOWN_HANDLER',
  'UNSERIALIZABLE',
  'TOO_LARGE',
  'CALL_CYCLE',
  'POISONED',
  'SUSPENDED',
  'DENIED',
  'DIVERGED',
  'AMBIENT_AUTHORITY',
  'INVALID_ADDRESS',
  'INVALID_ARGUMENT',
  'SHARD_COUNT_MISMATCH',
  'STORE_UNAVAILABLE',
  'STORE_CORRUPT',
  'STORE_LOCKED',
  'PROTOCOL_VERSION',
  'CLOSED',
] as const;

/** One of {@link ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number];

const KNOWN_CODES: ReadonlySet<string> = new Set(ERROR_CODES);

/** True for a string of {@link ERROR_CODES}. */
export function isErrorCode(text: string): text is ErrorCode {
  return KNOWN_CODES.has(text);
}

/** What may accompany an error: any value that travels (see the codec), usually a plain object. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * An operating failure with a stable `code`: the one error class of every call, in process, across threads and
 * over the wire. Decide on `code` and `details`; `message` is for people. `cause` is set only where the error
 * was made in this thread, and a stack never comes from another one.
 *
 * @example
 * try { await alice.deposit(-1); } catch (error) {
 *   if (error instanceof SynapseError && error.code === 'REFUSED') console.log(error.details);
 * }
 */
export class SynapseError extends Error {
  override readonly name: string = 'SynapseError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }
}

/**
 * Thrown by a handler to refuse: an expected outcome, not a failure. The turn is rolled back, no
 * supervisor hears of it, and the caller gets a `SynapseError` with code `REFUSED`, the same
 * message and the same details.
 *
 * @param details any values that travel; they become part of the recorded outcome
 *
 * @example
 * if (amount <= 0) throw new Refusal('amount must be positive', { amount });
 */
export class Refusal extends Error {
  override readonly name: string = 'Refusal';
  readonly details: ErrorDetails;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message);
    this.details = details;
  }
}
