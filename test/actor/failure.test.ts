/** What a failed turn is called by its supervisor, and by its caller. */
import { describe, expect, it } from 'vitest';
import { failureFrom, reasonOf } from '../../src/actor/failure.ts';
import { Refusal, SynapseError } from '../../src/base/error.ts';

/** The text of an engine's error. */
function engineError(): unknown {
  try {
    return (undefined as unknown as { field: unknown }).field;
  } catch (error) {
    return error;
  }
}

describe('the reason that supervision passes on', () => {
  it("is name and message of the user's own errors", () => {
    class OutOfStock extends Error {
      override readonly name = 'OutOfStock';
    }
    expect(reasonOf(new OutOfStock('no more apples'))).toBe('OutOfStock: no more apples');
  });

  it("holds nothing of an engine's text, not even by way of another handler's failure", () => {
    const thrown = engineError();
    expect(reasonOf(thrown)).toBe('TypeError');
    const nested = failureFrom(thrown, 'limb/left move');
    expect(nested.message).toContain((thrown as Error).message);
    expect(reasonOf(nested)).toBe('HANDLER_FAILED');
  });

  it('is the code of an operating failure', () => {
    expect(reasonOf(new SynapseError('DENIED', 'no grant'))).toBe('DENIED');
  });

  it('is what was thrown where that is no error, cut to 500 characters', () => {
    expect(reasonOf('no')).toBe('no');
    expect(reasonOf('x'.repeat(600))).toHaveLength(500);
  });
});

describe('the error that the caller gets', () => {
  it('keeps the code of an operating failure, and of a refusal its details', () => {
    expect(failureFrom(new SynapseError('DENIED', 'no grant'), 'a/b c').code).toBe('DENIED');
    expect(failureFrom(new Refusal('too little', { missing: 3 }), 'a/b c')).toMatchObject({
      code: 'REFUSED',
      details: { missing: 3 },
    });
  });

  it('is HANDLER_FAILED for everything else, with place, name and message, and no stack', () => {
    const failure = failureFrom(new RangeError('out'), 'a/b c');
    expect(failure).toMatchObject({
      code: 'HANDLER_FAILED',
      message: 'a/b c: RangeError: out',
      details: { name: 'RangeError' },
    });
    expect(failure.cause).toBeUndefined();
  });
});
