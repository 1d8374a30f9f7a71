/**
 * Types of what may be read but not written: the compiler's half of the promise that what lies
 * under a state's top-level key is frozen. The codec's frozen copies keep the other half at run time.
 */

type Scalar = string | number | bigint | boolean | symbol | null | undefined;

/** A Date without its setters: the frozen copies throw `TypeError` from them. */
export type ReadonlyDate = Pick<Date, Exclude<keyof Date, `set${string}`>>;

/**
 * `T` with everything under it read-only, Maps, Sets and Dates included: the type of what lies under a
 * top-level key of `ctx.state`. Byte arrays stay as they are: they are read as copies.
 */
export type DeepReadonly<T> = T extends Scalar | Uint8Array | ArrayBuffer | ((...args: never[]) => unknown)
  ? T
  : T extends Date
    ? ReadonlyDate
    : T extends ReadonlyMap<infer K, infer V>
      ? ReadonlyMap<DeepReadonly<K>, DeepReadonly<V>>
      : T extends ReadonlySet<infer V>
        ? ReadonlySet<DeepReadonly<V>>
        : T extends object
          ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
          : T;

/** A command's view of the state: top-level keys are assignable, what lies under them is frozen. */
export type WritableState<State> = { [K in keyof State]: DeepReadonly<State[K]> };
