/**
 * Hardened actors: their functions are evaluated anew inside a Compartment of SES, one for each actor
 * type, whose global object holds the language's own objects, `Refusal`, `SynapseError` and what the
 * definition lists. It is frozen, so that nothing written there outlives a turn; a name that is not
 * there is a `ReferenceError` when it is met, also behind `typeof`.
 *
 * It locks nothing down itself: without a locked-down realm a Compartment is no wall, so then it
 * refuses. Never a silent fallback to the function as it was written.
 */
import { QueryScope, TurnContext } from '../actor/context.ts';
import { type Handler, type ResolvedActor, resolveEvaluated } from '../actor/definition.ts';
import { type Candidate, candidatesOf, textOf } from '../actor/hardened.ts';
import { TableView } from '../actor/state-view.ts';
import { assert } from '../base/assert.ts';
import { Refusal, SynapseError } from '../base/error.ts';
import { lockedRealm, type Realm } from './lockdown.ts';

interface Box {
  readonly globalThis: Record<string, unknown>;
  evaluate(source: string): unknown;
}

/** Hardened types of this thread, so that one that is listed twice stays one type. */
const evaluated = new WeakMap<ResolvedActor, ResolvedActor>();

/** The actor as it runs: with its functions evaluated in a Compartment of its own, if it is hardened. */
export function runnable(type: ResolvedActor): ResolvedActor {
  if (type.endowments === undefined) return type;
  const known = evaluated.get(type);
  if (known !== undefined) return known;
  const subject = `actor '${type.name}'`;
  const realm = lockedRealm(subject);
  for (const shared of [TurnContext, QueryScope, TableView, Refusal, SynapseError]) realm.harden(shared);
  const box = openBox(subject, type.endowments, realm);
  const hardened = resolveEvaluated(type, (field, written) => {
    const made = evaluateText(box, subject, field, textOf(subject, field, written));
    Object.defineProperty(made, 'name', { value: written.name, configurable: true });
    return realm.harden(made);
  });
  evaluated.set(type, hardened);
  return hardened;
}

function openBox(subject: string, endowments: Readonly<Record<string, unknown>>, realm: Realm): Box {
  const globals: Record<string, unknown> = { Refusal, SynapseError };
  for (const [name, value] of Object.entries(endowments)) {
    try {
      globals[name] = realm.harden(value);
    } catch (error) {
      throw new SynapseError(
        'INVALID_ARGUMENT',
        `${subject}: endowments.${name} cannot be hardened: ${String(error)}`,
        {
          field: `endowments.${name}`,
        },
      );
    }
  }
  const box = new realm.Compartment({ __options__: true, globals, name: subject }) as Box;
  const own = box.globalThis;
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(own))) {
    if (name !== 'globalThis') realm.harden(value);
  }
  Object.setPrototypeOf(own, new Proxy(Object.create(null) as object, ABSENT));
  Object.freeze(own);
  return box;
}

/** Stands behind the global object: SES would read a name that nobody gave as undefined, and a sum with it is NaN. */
const ABSENT: ProxyHandler<object> = {
  has: (_target, name) => typeof name === 'string',
  get(_target, name): unknown {
    if (typeof name !== 'string') return undefined;
    throw new ReferenceError(`${name} is not defined: a hardened actor sees ctx and its endowments`);
  },
  set(_target, name): boolean {
    throw new ReferenceError(`${String(name)} is not defined: a hardened actor has no variables of its own`);
  },
};

function evaluateText(box: Box, subject: string, field: string, text: string): Handler {
  let fault: unknown;
  for (const candidate of candidatesOf(text)) {
    try {
      return functionOf(box, candidate);
    } catch (error) {
      fault = error;
    }
  }
  const message = `${subject}: ${field} cannot be evaluated in a Compartment: ${String(fault)}`;
  throw new SynapseError('INVALID_ARGUMENT', message, { field });
}

function functionOf(box: Box, { expression, extract }: Candidate): Handler {
  const made = extract(box.evaluate(expression));
  assert(typeof made === 'function', 'the text of a function gives a function');
  return made as Handler;
}
