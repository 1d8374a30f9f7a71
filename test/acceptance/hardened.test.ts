/** `hardened: true`: an actor's functions in a Compartment of SES, where only ctx and its endowments are. */
import { describe, expect, it } from 'vitest';
import { actor } from 'synapse-actors';
import { testSystem } from 'synapse-actors/testing';
import { soft, tough, written } from './fixtures/hardened.ts';
import { codeOf, fixture, folder, open, same } from './harness.ts';

async function failure(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    return { code: 'none', message: JSON.stringify(await promise) };
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return { code, message };
  }
}

describe('a hardened actor', () => {
  it('has ctx, its endowments, Refusal and SynapseError, however its functions were written', async () => {
    const system = await open('hardened');
    const ref = system.ref(tough, 'acme', 'a');
    same(await ref.add(3), 6);
    same(await codeOf(ref.add(101)), 'REFUSED');
    same(await ref.arrow(1), 7);
    same(await ref.wait('b'), 9);
    same(await ref.asyncArrow('b'), 2);
    const each = system.ref(written, 'acme', 'w') as unknown as Record<string, () => Promise<unknown>>;
    same(await each['plainComputed']!(), 9);
    same(await each['computed name](x']!(), 10);
    same(await each['quoted name']!(), 'named');
    same(await each['got']!(), 'from a getter');
    same(await each['function']!(), 'a method named function');
    same(await ref.dates(), {
      same: true,
      hours: 0,
      text: 'Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)',
    });
    same(await codeOf(ref.failing()), 'TIMEOUT');
    same(await ref.n(), 9);
    same(await ref.seen(), 'started');
  });

  it('fails with HANDLER_FAILED and the name, where it uses a name of its module', async () => {
    const system = await open('hardened');
    const ref = system.ref(tough, 'acme', 'a');
    const free = await failure(ref.free());
    same(free.code, 'HANDLER_FAILED');
    expect(free.message).toContain('tough/a free: ReferenceError: SECRET is not defined');
    expect((await failure(ref.typeOfFree())).message).toContain('ReferenceError: fetch is not defined');
  });

  const walls: readonly (readonly [string, RegExp])[] = [
    ['pollute', /TypeError/],
    ['pollute through ctx', /TypeError/],
    ['pollute an error', /TypeError/],
    ['write to an endowment', /TypeError/],
    ['add to an endowed set', /TypeError/],
    ['write to the global object', /TypeError|ReferenceError/],
    ['write to a name of nobody', /ReferenceError: kept is not defined/],
    ['constructor of a constructor', /TypeError/],
    ['constructor of an arrow', /TypeError/],
    ['constructor of an async function', /TypeError/],
    ['constructor of an endowment', /TypeError/],
    ['clock by Date.now', /TypeError: secure mode/],
    ['clock by new Date', /TypeError: secure mode/],
    ['chance by Math.random', /TypeError: secure mode/],
    ['process', /ReferenceError: process is not defined/],
    ['console', /ReferenceError: console is not defined/],
    ['setTimeout', /ReferenceError: setTimeout is not defined/],
    ['the address of a reference', /TypeError/],
    ['sender', /TypeError/],
  ];

  it.each(walls)('meets a wall: %s', async (name, wall) => {
    const system = await open('hardened');
    const { code, message } = await failure(system.ref(tough, 'acme', 'a').try(name));
    same(code, 'HANDLER_FAILED');
    expect(message).toMatch(wall);
    same(await system.ref(tough, 'other', 'a').add(1), 2);
  });

  it.each([
    ['this by Function', 'undefined'],
    ['time of a date’s constructor', true],
    ['the kernel through ctx', ''],
  ])('finds nothing: %s', async (name, found) => {
    const system = await open('hardened');
    same(await system.ref(tough, 'acme', 'a').try(name), found);
  });

  it('leaves its neighbours in the lane their modules, under the guards, in an immutable realm', async () => {
    const system = await open('hardened');
    const ref = system.ref(soft, 'acme', 'a');
    same(await ref.secret(), 'module scope');
    same(await ref.clock(), true);
    same(await codeOf(ref.timer()), 'AMBIENT_AUTHORITY');
    expect((await failure(ref.pollute())).message).toContain('TypeError');
  });

  it('recovers like any other', async () => {
    const dataDir = folder();
    const first = await open('hardened', { dataDir });
    await first.ref(tough, 'acme', 'a').add(5);
    const [before] = await first.tenants();
    await first.close();
    const second = await open('hardened', { dataDir, lanes: 2 });
    same(await second.ref(tough, 'acme', 'a').n(), 10);
    same(
      Buffer.from((await second.tenants())[0]!.stateRoot).toString('hex'),
      Buffer.from(before!.stateRoot).toString('hex'),
    );
  });
});

describe('a test system with hardened actors', () => {
  it('refuses them in a thread that is not locked down, and says what to do', async () => {
    const { code, message } = await failure(testSystem({ actors: fixture('hardened') }));
    same(code, 'INVALID_ARGUMENT');
    expect(message).toContain('call lockDown() of synapse-actors/testing first');
  });
});

describe('the definition of a hardened actor', () => {
  const bad: readonly (readonly [string, () => unknown, string])[] = [
    ['a native function', () => ({ commands: { go: Math.max } }), 'commands.go'],
    ['a bound function', () => ({ commands: { go: function go() {}.bind(null) } }), 'commands.go'],
    ['a class', () => ({ commands: { go: class {} } }), 'commands.go'],
    ['a bound state', () => ({ state: (() => ({})).bind(null), commands: { go() {} } }), 'state'],
    [
      'an endowment that no name can say',
      () => ({ endowments: { 'a-b': 1 }, commands: { go() {} } }),
      'endowments.a-b',
    ],
    [
      'an endowment named like what is given',
      () => ({ endowments: { Refusal: 1 }, commands: { go() {} } }),
      'endowments.Refusal',
    ],
    ['hardened: 1', () => ({ hardened: 1, commands: { go() {} } }), 'hardened'],
    ['endowments without hardened', () => ({ hardened: false, endowments: {}, commands: { go() {} } }), 'endowments'],
  ];

  it.each(bad)('is INVALID_ARGUMENT with %s', (_name, make, field) => {
    const definition = { hardened: true, state: () => ({}), ...(make() as object) };
    expect(() => actor('bad', definition as never)).toThrowError(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', details: { field } }),
    );
  });
});
