/**
 * Equality of types, for proofs by compilation: `Expect<Equal<A, B>>` is an error unless A is B.
 */

/** True when A and B are the same type, `any` and `readonly` told apart. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** An error unless its argument is true. */
export type Expect<T extends true> = T;
