/** api.md, "Async" and "Queries": suspended turns, what they may wait for, and what goes on meanwhile. */
import { describe, it } from 'vitest';
import { foreign } from './fixtures/foreign.ts';
import { codeOf, folder, gate, lines, open, same, seqOf, settled } from './harness.ts';

describe('a command may await', () => {
  it('a settled promise and microtasks of its own', async () => {
    const system = await open('foreign');
    same(await system.ref(foreign, 'acme', 'a').awaitSettled(), 2);
  });

  it('several promises of ctx at once', async () => {
    const system = await open('foreign');
    const ref = system.ref(foreign, 'acme', 'a');
    same(await ref.awaitAll(), 6);
    same(await ref.awaitCalls(['x', 'y', 'z']), [5, 5, 5]);
    same(await system.ref(foreign, 'acme', 'y').n(), 5);
  });

  it('many times, and sees its own writes after each', async () => {
    const system = await open('foreign');
    const door = gate();
    const pending = system.ref(foreign, 'acme', 'a').sequence(door.path);
    await door.started();
    same(await system.ref(foreign, 'acme', 'a').n(), 0);
    door.open();
    same(await pending, [1, 2, 3, 3]);
    same(await system.ref(foreign, 'acme', 'a').n(), 3);
  });
});

describe('a command left pending on anything else fails with AMBIENT_AUTHORITY', () => {
  it.each(['awaitNothing', 'awaitOwnPromise', 'awaitNestedThenNothing'] as const)(
    '%s, and is rolled back',
    async (name) => {
      const system = await open('foreign');
      const ref = system.ref(foreign, 'acme', 'a');
      await ref.set(9);
      same(await codeOf(ref[name]()), 'AMBIENT_AUTHORITY');
      same(await ref.n(), 9);
      same(await ref.add(), 10);
    },
  );
});

describe('while a command is suspended', () => {
  it('other actors of its tenant go on', async () => {
    const system = await open('foreign');
    const door = gate();
    const pending = system.ref(foreign, 'acme', 'a').gated(door.path);
    await door.started();
    same(await settled(system.ref(foreign, 'acme', 'b').add(), 'another actor'), 1);
    door.open('later');
    same(await pending, 'later');
  });

  it('the commands of the same actor wait, in order, and queries see the state before it', async () => {
    const system = await open('foreign');
    const door = gate();
    const ref = system.ref(foreign, 'acme', 'a');
    await ref.set(10);
    const pending = ref.gated(door.path);
    await door.started();
    same(await settled(ref.n(), 'a query'), 10);
    const order: string[] = [];
    const second = ref.add().then((n) => order.push(`second ${n}`));
    const third = ref.add().then((n) => order.push(`third ${n}`));
    same(await settled(system.ref(foreign, 'acme', 'b').add(), 'another actor'), 1);
    same(order, []);
    door.open();
    await pending.then(() => order.unshift('first'));
    await Promise.all([second, third]);
    same(order, ['first', 'second 12', 'third 13']);
  });

  it('its writes are undone when it refuses after all', async () => {
    const system = await open('foreign');
    const door = gate();
    const ref = system.ref(foreign, 'acme', 'a');
    const pending = codeOf(ref.gatedThenRefuse(door.path));
    await door.started();
    door.open();
    same(await pending, 'REFUSED');
    same(await ref.n(), 0);
  });

  it('the result of its effect is an input of its own', async () => {
    const system = await open('foreign');
    const door = gate();
    const pending = system.ref(foreign, 'acme', 'a').gated(door.path);
    await door.started();
    const before = await seqOf(system, 'acme');
    door.open();
    await pending;
    same((await seqOf(system, 'acme')) - before, 1);
  });
});

describe('calls and effects leave when they are made', () => {
  it('a call that nobody awaits is carried out', async () => {
    const system = await open('foreign');
    await system.ref(foreign, 'acme', 'a').callUnawaited('b');
    same(await system.ref(foreign, 'acme', 'b').n(), 41);
  });

  it('and are not undone by the failure of their turn', async () => {
    const system = await open('foreign');
    const ref = system.ref(foreign, 'acme', 'a');
    same(await codeOf(ref.callThenFail('c')), 'HANDLER_FAILED');
    same(await system.ref(foreign, 'acme', 'c').n(), 42);
    const door = gate();
    same(await codeOf(ref.effectThenFail(door.path)), 'HANDLER_FAILED');
    await door.started();
    door.open();
    same(lines(`${door.path}.started`).length, 1);
  });
});

describe('a suspended command', () => {
  it('survives close and reopen, and finishes once its effect has', async () => {
    const dataDir = folder();
    const door = gate();
    const first = await open('foreign', { dataDir });
    const ref = first.ref(foreign, 'acme', 'a');
    await ref.set(4);
    const pending = ref.gated(door.path).then(
      () => 'answered',
      () => 'rejected',
    );
    await door.started();
    const closing = first.close();
    door.open();
    await settled(closing, 'close() with a suspended command');
    await settled(pending, 'the call of a closed system');
    const second = await open('foreign', { dataDir });
    const again = second.ref(foreign, 'acme', 'a');
    // Its next command waits behind the suspended one, wherever that one finished.
    same(await settled(again.add(), 'the next command'), 6);
  });
});
