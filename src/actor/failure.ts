/**
 * What a handler threw, as the error its caller gets. A refusal stays a refusal, and an operating
 * failure that the handler let pass (a cycle, a denial, an effect that failed) keeps its code, so that
 * the caller knows what to do; everything else is `HANDLER_FAILED` with the original name and message.
 * Never a stack.
 */
import { addressText } from '../base/address.ts';
import { type ErrorDetails, SynapseError, isErrorCode } from '../base/error.ts';

/** Longest message of an error that travels, UTF-16 units: enough to read, too little to flood. */
const MESSAGE_MAX = 2_000;

interface Named {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly details?: unknown;
}

function textOf(value: unknown): string {
  try {
    return String(value).slice(0, MESSAGE_MAX);
  } catch {
    return 'a value without a text';
  }
}

/** Reads a property of something thrown, which may be a trap. */
function peek(thrown: unknown, name: keyof Named): unknown {
  try {
    return (thrown as Named | null | undefined)?.[name];
  } catch {
    return undefined;
  }
}

/** Whether it is an error at all; a proxy may have traps for that question too. */
function isError(thrown: unknown): boolean {
  try {
    return thrown instanceof Error;
  } catch {
    return false;
  }
}

/** By name, not by class: the actor's module may have loaded another copy of this package. */
function isRefusal(thrown: unknown): boolean {
  return isError(thrown) && (peek(thrown, 'name') === 'Refusal' || peek(thrown, 'code') === 'REFUSED');
}

/** Errors that the engine itself throws: their texts differ between versions of Node. */
const ENGINE_ERRORS: ReadonlySet<string> = new Set([
  'TypeError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'URIError',
  'EvalError',
]);

/** Longest reason that supervision passes on, UTF-16 units. */
const REASON_MAX = 500;

/**
 * Why a turn failed, in words that are the same on every engine, since `restarted` and `terminated`
 * may write them to state: name and message; of the engine's own errors the name alone; of an operating
 * failure the code alone, since the message of another handler's may hold an engine's text.
 */
export function reasonOf(thrown: unknown): string {
  if (!isError(thrown)) return textOf(thrown).slice(0, REASON_MAX);
  const name = textOf(peek(thrown, 'name'));
  const code = peek(thrown, 'code');
  if (name === 'SynapseError' && typeof code === 'string' && isErrorCode(code)) return code;
  return ENGINE_ERRORS.has(name) ? name : `${name}: ${textOf(peek(thrown, 'message'))}`.slice(0, REASON_MAX);
}

/** The error for a turn that threw `thrown`. `where` names actor and handler. */
export function failureFrom(thrown: unknown, where: string): SynapseError {
  const text = isError(thrown) ? textOf(peek(thrown, 'message')) : textOf(thrown);
  if (isRefusal(thrown)) return refusal(text, peek(thrown, 'details'));
  const name = isError(thrown) ? textOf(peek(thrown, 'name')) : typeof thrown;
  const code = peek(thrown, 'code');
  if (isError(thrown) && name === 'SynapseError' && typeof code === 'string' && isErrorCode(code)) {
    const details = peek(thrown, 'details');
    return new SynapseError(
      code,
      text,
      typeof details === 'object' && details !== null ? (details as ErrorDetails) : {},
    );
  }
  return new SynapseError('HANDLER_FAILED', `${where}: ${name}: ${text}`, { name });
}

function refusal(message: string, details: unknown): SynapseError {
  const plain = typeof details === 'object' && details !== null ? (details as ErrorDetails) : {};
  return new SynapseError('REFUSED', message, plain);
}

/** The error for code that outlived its turn or query and reaches for its `ctx`. */
export function outOfReach(
  tenant: string,
  { type, key, handler }: { readonly type: string; readonly key: string; readonly handler: string },
  why: string,
  what: string,
): SynapseError {
  const where = `${addressText({ tenant, type, key })} ${handler}`;
  return new SynapseError('AMBIENT_AUTHORITY', `${where}: ${why}, ${what} is out of its reach`, { what, where });
}
