/**
 * `strict: true`: what a module of actors exports is shared by all tenants of a lane, and no journal knows
 * of it. So after loading it is made immutable, with all that can be reached from it, and a write from a
 * turn is reported with actor, handler and path. An exported `let` cannot be frozen: it is compared after
 * each stretch of a turn's code, and the turn that changed it fails.
 *
 * Out of reach: variables that are not exported, what closures and private fields hold, and modules that
 * the actors' modules import without exporting them again (docs/determinism.md).
 */
import { createRequire, builtinModules } from 'node:module';
import { types } from 'node:util';
import type { Running } from '../actor/domain-state.ts';
import { SynapseError } from '../base/error.ts';

/** How deep the realm's own objects are looked for: constructor, prototype, method, and what hangs on that. */
const REALM_DEPTH = 4;

/** Own methods that stand in the way of the engine's, by kind; no freeze protects what those change. */
const MUTATORS: readonly (readonly [isKind: (value: unknown) => boolean, names: readonly string[]])[] = [
  [types.isMap, ['set', 'delete', 'clear']],
  [types.isSet, ['add', 'delete', 'clear']],
  [types.isWeakMap, ['set', 'delete']],
  [types.isWeakSet, ['add', 'delete']],
  [types.isDate, Object.getOwnPropertyNames(Date.prototype).filter((name) => name.startsWith('set'))],
];

interface Binding {
  readonly namespace: Readonly<Record<string, unknown>>;
  readonly name: string;
  readonly path: string;
  value: unknown;
}

export class StrictModules {
  readonly #bindings: Binding[] = [];
  readonly #frozen: WeakSet<object> = new WeakSet();
  readonly #realm: WeakSet<object> = realmObjects();
  #running: Running | undefined;

  /** Freezes what the modules export. `INVALID_ARGUMENT` for bytes, which cannot be frozen. */
  constructor(modules: ReadonlyMap<string, object>) {
    for (const [url, namespace] of modules) {
      const members = namespace as Readonly<Record<string, unknown>>;
      for (const name of Object.keys(members)) {
        const path = `${name} of ${url}`;
        this.#bindings.push({ namespace: members, name, path, value: members[name] });
        this.#freeze(members[name], name, url);
      }
    }
  }

  enter(running: Running): void {
    this.#running = running;
  }

  /** Looks after a stretch of code whether it gave an exported variable another value. */
  leave(): void {
    const running = this.#running;
    this.#running = undefined;
    for (const binding of this.#bindings) {
      const value = binding.namespace[binding.name];
      if (Object.is(value, binding.value)) continue;
      binding.value = value;
      running?.spoil(report(running.where(), binding.path));
    }
  }

  #freeze(start: unknown, startPath: string, url: string): void {
    const open: (readonly [value: unknown, path: string])[] = [[start, startPath]];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const [value, path] = next;
      if ((typeof value !== 'object' && typeof value !== 'function') || value === null) continue;
      if (this.#frozen.has(value) || this.#realm.has(value)) continue;
      this.#frozen.add(value);
      if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
        const message = `strict: ${url} exports bytes at ${path}, which cannot be frozen: export a function that makes them`;
        throw new SynapseError('INVALID_ARGUMENT', message, { option: 'strict', url });
      }
      open.push(...membersOf(value, path));
      this.#shut(value, `${path} of ${url}`);
    }
  }

  /** Makes one object immutable. Arrays are frozen as they are: their elements stay fast. */
  #shut(holder: object, path: string): void {
    const refuse = (where: string): never => {
      throw report(this.#running?.where() ?? 'code outside of a turn', where);
    };
    for (const [isKind, names] of MUTATORS) {
      if (!isKind(holder)) continue;
      for (const name of names) Object.defineProperty(holder, name, { value: () => refuse(path) });
    }
    for (const name of Array.isArray(holder) ? [] : Reflect.ownKeys(holder)) {
      const known = Object.getOwnPropertyDescriptor(holder, name);
      if (known?.configurable !== true || known.writable !== true) continue;
      Object.defineProperty(
        holder,
        name,
        guarded(holder, name, known, () => refuse(`${String(name)} in ${path}`)),
      );
    }
    Object.freeze(holder);
  }
}

/** A property that reads as before and reports a write; an heir may still have one of its own of that name. */
function guarded(
  holder: object,
  name: PropertyKey,
  known: PropertyDescriptor,
  refuse: () => never,
): PropertyDescriptor {
  const { value, enumerable = false } = known as { value: unknown; enumerable?: boolean };
  return {
    get: () => value,
    set(this: object, given: unknown) {
      if (this === holder) refuse();
      Object.defineProperty(this, name, { value: given, writable: true, enumerable: true, configurable: true });
    },
    enumerable,
    configurable: false,
  };
}

function membersOf(holder: object, path: string): (readonly [value: unknown, path: string])[] {
  const members: (readonly [unknown, string])[] = [[Object.getPrototypeOf(holder), `prototype of ${path}`]];
  if (types.isMap(holder))
    for (const [key, value] of holder) members.push([key, `key in ${path}`], [value, `entry in ${path}`]);
  if (types.isSet(holder)) for (const value of holder) members.push([value, `member in ${path}`]);
  for (const name of Reflect.ownKeys(holder)) {
    const known = Object.values(Object.getOwnPropertyDescriptor(holder, name) ?? {}) as readonly unknown[];
    for (const value of known) members.push([value, `${path}.${String(name)}`]);
  }
  return members;
}

function report(where: string, path: string): SynapseError {
  return new SynapseError(
    'AMBIENT_AUTHORITY',
    `${where} writes to ${path}: what a module exports is shared by all tenants of a lane and is in no journal; use ctx.state`,
    { what: path, where },
  );
}

/** Objects of the language and of Node, which are nobody's exports: freezing them would break others. */
function realmObjects(): WeakSet<object> {
  const found = new WeakSet<object>();
  let open: unknown[] = [globalThis];
  const load = createRequire(import.meta.url);
  const isLoaded = new Set((process as unknown as { moduleLoadList?: readonly string[] }).moduleLoadList);
  for (const name of builtinModules) if (isLoaded.has(`NativeModule ${name}`)) open.push(load(`node:${name}`));
  for (let depth = 0; depth <= REALM_DEPTH; depth++) {
    const next: unknown[] = [];
    for (const value of open) {
      if ((typeof value !== 'object' && typeof value !== 'function') || value === null || found.has(value)) continue;
      found.add(value);
      // What holds much is somebody's contents, not the language: a buffer alone has millions of keys.
      if (Array.isArray(value) || ArrayBuffer.isView(value) || types.isMap(value) || types.isSet(value)) continue;
      for (const [member] of membersOf(value, '')) next.push(member);
    }
    open = next;
  }
  return found;
}
