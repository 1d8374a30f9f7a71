/** api.md, promises 5 and 6 and "Errors" under handlers that mean ill: thrown oddities, leaked contexts, long chains. */
import { inspect } from 'node:util';
import { createSystem } from 'synapse-actors';
import { describe, expect, it } from 'vitest';
import { hostile, leaker, thrown } from './fixtures/hostile.ts';
import { ledger } from './fixtures/ledger.ts';
import { rogue } from './fixtures/rogue.ts';
import {
  codeOf,
  errorOf,
  fixture,
  folder,
  gate,
  keep,
  lines,
  open,
  type Options,
  same,
  settled,
  take,
  until,
} from './harness.ts';

describe('whatever a handler throws', () => {
  it.each(thrown)('%s: its caller gets a code, the turn is undone, the actor goes on', async (name) => {
    const system = await open('hostile');
    const ref = system.ref(hostile, 'acme', 'h');
    await ref.add();
    const codes = [await codeOf(ref.throwing(name)), await codeOf(ref.throwingLater(name))];
    for (const code of codes) expect(['HANDLER_FAILED', 'REFUSED', 'UNSERIALIZABLE', 'TOO_LARGE']).toContain(code);
    same(codes[0], codes[1]);
    same(await ref.add(), 2);
  });

  it('an error of another library that happens to have a code is HANDLER_FAILED', async () => {
    const system = await open('hostile');
    const error = await errorOf(system.ref(hostile, 'acme', 'h').forge('NONSENSE'));
    same(error.code, 'HANDLER_FAILED');
    expect(error.message).toContain('forged by a handler');
  });
});

describe('a context that was kept', () => {
  it.each(['state through ctx', 'state', 'table', 'table through ctx', 'emit', 'stop', 'timer'])(
    'is of no use in the turn of another tenant: %s',
    async (how) => {
      const system = await open('hostile');
      const victim = system.ref(leaker, 'victim', 'l');
      await victim.leak();
      same(await system.ref(leaker, 'thief', 'l').abuse(how), 'AMBIENT_AUTHORITY');
      same([await victim.n(), await victim.table()], [1, []]);
      await victim.emit();
      same(
        (await take(system.events('victim', 'topic', { from: 0 }), 1)).map((event) => event.value),
        ['mine'],
      );
      same([await system.ref(leaker, 'thief', 'l').n(), await system.ref(leaker, 'thief', 'l').table()], [1, []]);
    },
  );

  it('is of no use in a later turn of the same actor', async () => {
    const system = await open('hostile');
    const ref = system.ref(leaker, 'acme', 'l');
    await ref.leak();
    for (const how of ['state', 'table', 'emit', 'stop']) same(await ref.abuse(how), 'AMBIENT_AUTHORITY');
    same([await ref.n(), await ref.table()], [5, []]);
  });
});

describe('a state made from one object of the module', () => {
  it('is not shared between actors or tenants', async () => {
    const system = await open('hostile');
    await system.ref(hostile, 'one', 'h').shareList();
    await system.ref(hostile, 'one', 'h').add();
    same(await system.ref(hostile, 'one', 'h').all(), { list: [1, 2, 3, 4], count: 1 });
    same(await system.ref(hostile, 'two', 'h').all(), { list: [1, 2, 3], count: 0 });
    same(await system.ref(hostile, 'one', 'i').add(), 1);
  });
});

describe('values', () => {
  it('with an own __proto__ travel without polluting anything', async () => {
    const system = await open('ledger');
    const value = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":2}}') as Record<string, unknown>;
    const back = (await system.ref(ledger, 'acme', 'a').echo(value)) as Record<string, unknown>;
    same(Object.keys(back).sort(), ['__proto__', 'constructor']);
    same(Object.getPrototypeOf(back) === Object.prototype || Object.getPrototypeOf(back) === null, true);
    same(({} as { polluted?: number }).polluted, undefined);
  });

  it('keep their arguments apart: none, many, undefined ones', async () => {
    const system = await open('hostile');
    const ref = system.ref(hostile, 'acme', 'h');
    same(await ref.extra(), []);
    same(await ref.extra(undefined, null, undefined), [undefined, null, undefined]);
    same(
      await ref.extra(...Array.from({ length: 300 }, (_, i) => i)),
      Array.from({ length: 300 }, (_, i) => i),
    );
  });

  it('a reference can be inspected without a call being made', async () => {
    const system = await open('ledger');
    const ref = system.ref(ledger, 'acme', 'a');
    expect(() => [inspect(ref), inspect(ref.tell), Object.keys(ref), { ...ref }]).not.toThrow();
    same(await system.tenants(), []);
  });
});

describe('long work inside a tenant', () => {
  it('a chain of two thousand calls ends, in one step', async () => {
    const system = await open('hostile');
    same(await system.ref(hostile, 'acme', 'start').chain(2_000), 2_000);
  });

  it('a fan of five thousand calls ends', async () => {
    const system = await open('hostile');
    same(await system.ref(hostile, 'acme', 'start').fan(5_000), 5_000);
  });

  it('an actor that tells itself for ever does not starve another tenant of its lane', async () => {
    // A step is bounded by its turns; a small bound lets close() come to its end.
    const system = await open(['hostile', 'rogue'], { maxTurnsPerInput: 200_000 } as Partial<Options>);
    system.ref(hostile, 'acme', 'mill').tell.tellSelfForEver();
    for (let i = 1; i <= 10; i++) same(await settled(system.ref(rogue, 'other', 'r').add(1), 'another tenant'), i);
  });
});

describe('an end while somebody waits', () => {
  it('of the called actor answers its caller', async () => {
    const system = await open('hostile');
    const door = gate();
    const ref = system.ref(hostile, 'acme', 'parent');
    await ref.spawn('child');
    const direct = codeOf(system.ref(hostile, 'acme', 'child').gated(door.path));
    await door.started();
    const nested = codeOf(system.ref(hostile, 'acme', 'caller').callGated('child', door.path));
    await ref.end();
    same([await settled(direct, 'the direct call'), await settled(nested, 'the nested call')].length, 2);
    await until(() => lines(`${door.path}.aborted`).length > 0, 'the cancelled effect to see its signal');
    door.open();
    same(await system.ref(hostile, 'acme', 'child').count(), 0);
  });

  it('leaves what was queued behind it to the next life', async () => {
    const system = await open('hostile');
    const ref = system.ref(hostile, 'acme', 'h');
    await ref.add();
    const answers = [ref.add(), ref.end(), ref.add(), ref.add()];
    same(await Promise.all(answers), [2, undefined, 1, 2]);
  });
});

describe('createSystem that fails', () => {
  it('leaves no lock behind', async () => {
    const dataDir = folder();
    for (let i = 0; i < 3; i++) {
      same(
        await codeOf(async () =>
          keep(
            await createSystem({
              actors: new URL('./fixtures/none.js', import.meta.url),
              dataDir,
              lanes: 1,
              shards: 8,
            }),
          ),
        ),
        'INVALID_ARGUMENT',
      );
    }
    const system = keep(await createSystem({ actors: fixture('ledger'), dataDir, lanes: 1, shards: 8 }));
    same(await system.ref(ledger, 'acme', 'a').deposit(1), 1);
  });

  it('refuses two modules that define one actor type', async () => {
    same(await codeOf(() => open(['version-one', 'version-changed'])), 'INVALID_ARGUMENT');
  });
});
