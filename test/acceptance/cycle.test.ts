/** api.md, CALL_CYCLE: a call that would close a circle of waiting actors, in its own chain or through another's. */
import { describe, expect, it } from 'vitest';
import { node } from './fixtures/node.ts';
import { errorOf, gate, open, same, settled } from './harness.ts';

describe('a circle of calls inside a tenant is found at once', () => {
  it('an actor that calls itself', async () => {
    const system = await open('node');
    const error = await errorOf(system.ref(node, 'acme', 'alone').visit(['alone']));
    same(error.code, 'CALL_CYCLE');
    expect(error.message).toContain('alone');
  });

  it('two actors', async () => {
    const system = await open('node');
    const error = await errorOf(system.ref(node, 'acme', 'left').visit(['right', 'left']));
    same(error.code, 'CALL_CYCLE');
    for (const key of ['left', 'right']) expect(error.message + JSON.stringify(error.details)).toContain(key);
  });

  it('three actors, and the state of all of them is as it was', async () => {
    const system = await open('node');
    const error = await errorOf(system.ref(node, 'acme', 'one').visit(['two', 'three', 'one']));
    same(error.code, 'CALL_CYCLE');
    for (const key of ['one', 'two', 'three']) {
      expect(error.message + JSON.stringify(error.details)).toContain(key);
      same(await system.ref(node, 'acme', key).visits(), 0);
    }
  });

  it('a circle that does not include the first caller', async () => {
    const system = await open('node');
    same((await errorOf(system.ref(node, 'acme', 'outer').visit(['a', 'b', 'a']))).code, 'CALL_CYCLE');
  });

  it('through the wait of another: a waits for b, and b calls a in a chain of its own', async () => {
    const system = await open('node');
    const door = gate();
    // a -> b -> (gate); meanwhile c has been told nothing. b then calls a, which waits for b.
    const pending = errorOf(system.ref(node, 'acme', 'a').visitThenGateVisit('b', door.path, ['a']));
    await door.started();
    door.open();
    same((await pending).code, 'CALL_CYCLE');
  });

  it('through the wait of another chain: the queued call closes the circle', async () => {
    const system = await open('node');
    const [first, second] = [gate(), gate()];
    // Chain 1: a waits at its gate, then calls b. Chain 2: b waits at its gate, then calls a.
    const one = system
      .ref(node, 'acme', 'a')
      .gateThenVisit(first.path, ['b'])
      .then(
        () => 'visited',
        (error: { code: string }) => error.code,
      );
    const two = system
      .ref(node, 'acme', 'b')
      .gateThenVisit(second.path, ['a'])
      .then(
        () => 'visited',
        (error: { code: string }) => error.code,
      );
    await Promise.all([first.started(), second.started()]);
    first.open();
    second.open();
    const outcomes = await settled(Promise.all([one, two]), 'two chains that wait for each other');
    expect(outcomes).toContain('CALL_CYCLE');
    // Both actors are free again.
    same(await settled(system.ref(node, 'acme', 'a').visit(['b']), 'a after the circle'), 2);
    same(await settled(system.ref(node, 'acme', 'b').visit(['a']), 'b after the circle'), 2);
  });

  it('can be caught by the caller, who goes on', async () => {
    const system = await open('node');
    expect(await system.ref(node, 'acme', 'a').visitCaught(['b', 'a'])).toMatch(/^CALL_CYCLE: /);
    expect(await system.ref(node, 'acme', 'a').visitCaught(['b', 'c'])).toBe('visited');
  });
});

describe('no circle', () => {
  it('is a long chain, the same actor twice in a row of calls, or a tell to itself', async () => {
    const system = await open('node');
    same(await system.ref(node, 'acme', '0').visit(['1', '2', '3', '4', '5', '6', '7', '8']), 9);
    same(await system.ref(node, 'acme', '0').visit(['1']), 2);
    await system.ref(node, 'acme', 'self').tellSelf();
    same(await system.ref(node, 'acme', 'self').visits(), 1);
  });

  it('is a query of itself, which does not wait for the command', async () => {
    const system = await open('node');
    same(await system.ref(node, 'acme', 'a').askSelf(), 0);
  });

  it('is a call to an actor that waits at a gate: it waits too', async () => {
    const system = await open('node');
    const door = gate();
    const waiting = system.ref(node, 'acme', 'b').wait(door.path);
    await door.started();
    const pending = system.ref(node, 'acme', 'a').visit(['b']);
    door.open();
    same([await waiting, await pending], [1, 2]);
  });
});

describe('a circle across tenants', () => {
  const grants = [{ from: '*', to: '*', actor: 'node', handlers: ['visitAcross'] }];

  it('is found by its chain: there and back', async () => {
    const system = await open('node', { lanes: 2, grants });
    const ref = system.ref(node, 'acme', 'a');
    const error = await errorOf(
      ref.visitAcross([
        ['other', 'b'],
        ['acme', 'a'],
      ]),
    );
    same(error.code, 'CALL_CYCLE');
    same(
      await ref.visitAcross([
        ['other', 'b'],
        ['acme', 'c'],
        ['third', 'd'],
      ]),
      4,
    );
  });

  it('over three tenants', async () => {
    const system = await open('node', { lanes: 2, grants });
    const path: [string, string][] = [
      ['two', 'b'],
      ['three', 'c'],
      ['one', 'a'],
    ];
    same((await errorOf(system.ref(node, 'one', 'a').visitAcross(path))).code, 'CALL_CYCLE');
  });

  it('ends by callTimeoutMs when no chain shows it', async () => {
    const system = await open('node', { grants, callTimeoutMs: 300 });
    const outcomes = await settled(
      Promise.allSettled([
        system.ref(node, 'one', 'a').visitAcross([
          ['two', 'b'],
          ['one', 'x'],
        ]),
        system.ref(node, 'two', 'b').visitAcross([
          ['one', 'a'],
          ['two', 'x'],
        ]),
      ]),
      'crossing calls of two tenants',
    );
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected')
        expect(['TIMEOUT', 'CALL_CYCLE']).toContain((outcome.reason as { code: string }).code);
    }
  });
});
