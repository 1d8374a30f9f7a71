/**
 * The type tests are run by the compiler: a build with a wrong type does not get here. This test
 * holds their number, so that none of the files is dropped in silence, and runs their definitions.
 */
import { resolveActor } from '../../src/actor/definition.ts';
import { describe, expect, test } from 'vitest';
import { account } from './account-example.ts';
import { NAMES, PROVEN } from './inference.ts';
import { REJECTED } from './rejection.ts';

describe('types', () => {
  test('the compiler proved what is inferred and refused what is wrong', () => {
    expect(PROVEN).toBe(25);
    expect(REJECTED).toHaveLength(16);
  });

  test('the example of the public interface defines an actor', () => {
    const view = resolveActor(account);
    expect(view.name).toBe('account');
    expect([...view.commands.keys()]).toEqual(['deposit', 'transfer', 'notify']);
    expect([...view.queries.keys()]).toEqual(['balance']);
    expect(NAMES).toEqual(['wide', 'lazy', 'readable']);
  });
});
