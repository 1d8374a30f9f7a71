/**
 * What `hardened: true` asks of a definition, checked when its module loads: each of its functions must
 * have a source text, since a Compartment evaluates it anew from that text, and endowments need names
 * that a function can say. Where a function came from (a method, an arrow, a computed name) is told by
 * its text alone. Nothing is evaluated here.
 */
import { assert } from '../base/assert.ts';
import { SynapseError } from '../base/error.ts';
import { checkRecord, invalid } from './definition-check.ts';

/** A definition without its types. */
type Untyped = Readonly<Record<string, unknown>>;

/** A function of a definition. */
type Written = (ctx: never, ...args: unknown[]) => unknown;

/** As it was when this module was loaded: a function's own `toString` is not asked. */
// oxlint-disable-next-line typescript/unbound-method -- used with `.call`
const functionText: (this: unknown) => string = Function.prototype.toString;

/** A name that an expression can refer to. ASCII alone: such names look like what they are. */
const IDENTIFIER = /^[A-Za-z_$][A-Za-z0-9_$]*$/;

/** Names that are no variables, or that the Compartment itself gives. */
const TAKEN: readonly string[] = ['arguments', 'eval', 'globalThis', 'undefined', 'Refusal', 'SynapseError'];

/** How the engine shows a function without a source text: one of its own, or a bound one. */
const NO_TEXT = /\{\s*\[native code\]\s*\}\s*$/;

/** Maps of functions in a definition, and functions that stand in it by themselves. */
const MAPS = ['commands', 'queries', 'migrate'] as const;
const SINGLES = ['state', 'started', 'restarted', 'terminated'] as const;

/** The endowments of a hardened definition; nothing for one that is not hardened. */
export function checkHardened(subject: string, definition: Untyped): Untyped | undefined {
  const { hardened = false, endowments } = definition;
  if (typeof hardened !== 'boolean') invalid(subject, 'hardened', 'true or false', hardened);
  if (!hardened) {
    if (endowments !== undefined) invalid(subject, 'endowments', 'left out unless the actor is hardened', endowments);
    return undefined;
  }
  const given = endowments ?? {};
  checkRecord(subject, 'endowments', given);
  for (const name of Object.keys(given)) {
    if (IDENTIFIER.test(name) && !TAKEN.includes(name)) continue;
    throw new SynapseError(
      'INVALID_ARGUMENT',
      `${subject}: endowments.${name} must be named as a variable can be, and not ${TAKEN.join(', ')}`,
      { field: `endowments.${name}` },
    );
  }
  evaluatedDefinition(definition, (field, written) => {
    textOf(subject, field, written);
    return written;
  });
  return Object.freeze({ ...given });
}

/** The definition with every function replaced by what `evaluate` makes of it; what is no function stays, to be refused. */
export function evaluatedDefinition(
  definition: Untyped,
  evaluate: (field: string, written: Written) => Written,
): Untyped {
  const changed: Record<string, unknown> = { ...definition };
  const of = (field: string, value: unknown): unknown =>
    typeof value === 'function' ? evaluate(field, value as Written) : value;
  for (const name of SINGLES) if (name in definition) changed[name] = of(name, definition[name]);
  for (const name of MAPS) {
    const map = definition[name];
    if (typeof map !== 'object' || map === null) continue;
    // Not fromEntries alone: a handler may be named __proto__, and stays an entry.
    changed[name] = Object.fromEntries(
      Object.entries(map).map(([key, value]: [string, unknown]) => [key, of(`${name}.${key}`, value)]),
    );
  }
  return changed;
}

/** The source text of a function. `INVALID_ARGUMENT` for one that has none (native, bound) or is a class. */
export function textOf(subject: string, field: string, written: unknown): string {
  const text = functionText.call(written);
  if (NO_TEXT.test(text))
    invalid(subject, field, 'written in JavaScript: a native or bound function has no source text to harden', written);
  if (/^class\b/.test(text)) invalid(subject, field, 'a function, not a class', written);
  return text;
}

/** What a Compartment is asked to evaluate, and how the function is found in the result. */
export interface Candidate {
  readonly expression: string;
  readonly extract: (made: unknown) => unknown;
}

/**
 * Expressions that give the function of `text`, to be tried in this order; the first that is no syntax
 * error is the one. A function's text is an expression of its own, a method's text needs an object
 * around it, and a computed name is left out, since what it was computed from is not there any more.
 */
export function* candidatesOf(text: string): Generator<Candidate> {
  yield { expression: `(${text}\n)`, extract: (made) => made };
  const computed = /^(?:(?:async|get|set)\s*)?(?:\*\s*)?\[/.exec(text);
  if (computed === null) {
    yield { expression: `({${text}\n})`, extract: onlyMember };
    return;
  }
  const head = computed[0].slice(0, -1);
  // The name ends at a bracket before the parameters. At a wrong one the rest is no method, which is a syntax error.
  for (let at = text.indexOf(']'); at !== -1; at = text.indexOf(']', at + 1)) {
    const rest = text.slice(at + 1);
    if (/^\s*(?:\(|\/)/.test(rest)) yield { expression: `({${head} computed${rest}\n})`, extract: onlyMember };
  }
}

function onlyMember(made: unknown): unknown {
  const [name, ...others] = Reflect.ownKeys(made as object);
  assert(name !== undefined && others.length === 0, 'a method is one member of its object');
  const member = Object.getOwnPropertyDescriptor(made, name);
  // oxlint-disable-next-line typescript/unbound-method -- they are not called here
  return (member?.value as unknown) ?? member?.get ?? member?.set;
}
