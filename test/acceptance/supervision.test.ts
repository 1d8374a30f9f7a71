/** api.md, "Supervision": directives, strategies, intensity, SUSPENDED, and what listeners hear. */
import { describe, expect, it } from 'vitest';
import { escalator, guardian, headAll, headOne, headRest, limb, restarter, resumer, stopper } from './fixtures/tree.ts';
import { codeOf, errorOf, folder, open, same, type System, until } from './harness.ts';

interface Counts {
  n: number;
  restarts: number;
  starts: number;
  reasons: string[];
}

async function all(ref: { all(): Promise<unknown> }): Promise<Counts> {
  return (await ref.all()) as Counts;
}

describe('onFailure', () => {
  it('resume is the default: rolled back, no hook runs, and it goes on', async () => {
    const system = await open('tree');
    const ref = system.ref(resumer, 'acme', 'r');
    await ref.add(1);
    const error = await errorOf(ref.fail('boom 17'));
    same(error.code, 'HANDLER_FAILED');
    expect(error.message).toContain('TypeError');
    expect(error.message).toContain('boom 17');
    // However often: resuming is no restart and has no intensity.
    for (let i = 0; i < 10; i++) await codeOf(ref.fail('again'));
    expect(await all(ref)).toMatchObject({ n: 1, restarts: 0 });
    same(await ref.add(1), 2);
  });

  it('restart keeps committed state, runs restarted, not started, and stops the children', async () => {
    const system = await open('tree');
    const ref = system.ref(restarter, 'acme', 'r');
    await ref.add(5);
    await ref.spawnLimb('l');
    await system.ref(limb, 'acme', 'l').add(7);
    same(await codeOf(ref.fail('boom')), 'HANDLER_FAILED');
    // The next command waits out the back-off.
    same(await ref.add(1), 6);
    const counts = await all(ref);
    expect(counts).toMatchObject({ n: 6, restarts: 1, starts: 1 });
    same(counts.reasons.length, 1);
    same((await all(system.ref(limb, 'acme', 'l'))).n, 0);
  });

  it('stop ends the actor with its children; the next message starts afresh', async () => {
    const system = await open('tree');
    const ref = system.ref(stopper, 'acme', 's');
    await ref.add(5);
    await ref.spawnLimb('l');
    await system.ref(limb, 'acme', 'l').add(7);
    same(await codeOf(ref.fail('boom')), 'HANDLER_FAILED');
    same(await ref.add(1), 1);
    same((await all(system.ref(limb, 'acme', 'l'))).n, 0);
  });

  it('escalate makes it the failure of the parent, whose children die', async () => {
    const system = await open('tree');
    const ref = system.ref(guardian, 'acme', 'g');
    await ref.grow('e');
    await ref.growLimbs(['l']);
    await system.ref(escalator, 'acme', 'e').add(3);
    await system.ref(limb, 'acme', 'l').add(4);
    same(await codeOf(system.ref(escalator, 'acme', 'e').fail('boom')), 'HANDLER_FAILED');
    await until(async () => (await all(ref)).restarts === 1, 'the restart of the parent');
    expect(await all(ref)).toMatchObject({ n: 1, restarts: 1 });
    same([(await all(system.ref(escalator, 'acme', 'e'))).n, (await all(system.ref(limb, 'acme', 'l'))).n], [0, 0]);
  });

  it('escalate without a parent is the end of the domain: SUSPENDED until resumed, for this tenant only', async () => {
    const system = await open('tree');
    await system.ref(resumer, 'other', 'r').add(1);
    await system.ref(resumer, 'acme', 'r').add(8);
    same(await codeOf(system.ref(escalator, 'acme', 'e').fail('boom')), 'HANDLER_FAILED');
    same(await codeOf(system.ref(resumer, 'acme', 'r').add(1)), 'SUSPENDED');
    same(await codeOf(system.ref(escalator, 'acme', 'e').add(1)), 'SUSPENDED');
    same(await system.ref(resumer, 'other', 'r').add(1), 2);
    await system.resume('acme');
    same(await system.ref(resumer, 'acme', 'r').add(1), 9);
  });

  it('a refusal and the failure of a query are no failures', async () => {
    const system = await open('tree');
    const ref = system.ref(stopper, 'acme', 's');
    await ref.add(5);
    same(await codeOf(ref.refuse()), 'REFUSED');
    same(await codeOf(ref.boom()), 'HANDLER_FAILED');
    same(await ref.add(1), 6);
    const other = system.ref(restarter, 'acme', 'r');
    same(await codeOf(other.refuse()), 'REFUSED');
    same((await all(other)).restarts, 0);
  });
});

describe('strategy governs the children', () => {
  const keys = ['first', 'second', 'third'] as const;
  const heads = { 'one-for-one': headOne, 'one-for-all': headAll, 'rest-for-one': headRest };

  async function restarts(system: System): Promise<number[]> {
    const counts: number[] = [];
    for (const key of keys) counts.push((await all(system.ref(limb, 'acme', key))).restarts);
    return counts;
  }

  it.each([
    ['one-for-one', [0, 1, 0]],
    ['one-for-all', [1, 1, 1]],
    ['rest-for-one', [0, 1, 1]],
  ] as const)('%s restarts %j of three when the second fails; committed state is kept', async (strategy, expected) => {
    const system = await open('tree');
    await system.ref(heads[strategy], 'acme', 'head').grow(keys);
    for (const key of keys) await system.ref(limb, 'acme', key).add(5);
    same(await codeOf(system.ref(limb, 'acme', 'second').fail('boom')), 'HANDLER_FAILED');
    // Each answers again, whatever back-off it had to wait out.
    for (const key of keys) same(await system.ref(limb, 'acme', key).add(1), 6);
    same(await restarts(system), [...expected]);
    // Not the children of another parent, not an actor without one.
    same((await all(system.ref(limb, 'acme', 'stranger'))).restarts, 0);
  });
});

describe('intensity', () => {
  it('more restarts than it allows in the period suspend the tenant, and resume lets it go on', async () => {
    const system = await open('tree');
    const ref = system.ref(restarter, 'acme', 'r');
    await ref.add(5);
    for (let i = 0; i < 3; i++) {
      same(await codeOf(ref.fail(`failure ${i}`)), 'HANDLER_FAILED');
      await ref.add(1);
    }
    same((await all(ref)).restarts, 3);
    same(await codeOf(ref.fail('one too many')), 'HANDLER_FAILED');
    same(await codeOf(ref.add(1)), 'SUSPENDED');
    same(await codeOf(system.ref(resumer, 'acme', 'x').add(1)), 'SUSPENDED');
    same(await system.ref(resumer, 'other', 'x').add(1), 1);
    await system.resume('acme');
    same(await ref.add(1), 9);
  });

  it('a suspended tenant is still suspended after close and reopen', async () => {
    const dataDir = folder();
    const first = await open('tree', { dataDir });
    await first.ref(resumer, 'acme', 'r').add(1);
    await codeOf(first.ref(escalator, 'acme', 'e').fail('boom'));
    same(await codeOf(first.ref(resumer, 'acme', 'r').add(1)), 'SUSPENDED');
    await first.close();
    const second = await open('tree', { dataDir });
    same(await codeOf(second.ref(resumer, 'acme', 'r').add(1)), 'SUSPENDED');
    await second.resume('acme');
    same(await second.ref(resumer, 'acme', 'r').add(1), 2);
  });
});

describe('system.on', () => {
  it("tells 'restart' and 'escalated': to whom and why", async () => {
    const system = await open('tree');
    const heard: string[] = [];
    system.on('restart', (event: unknown) => heard.push(`restart ${JSON.stringify(event)}`));
    system.on('escalated', (event: unknown) => heard.push(`escalated ${JSON.stringify(event)}`));
    await codeOf(system.ref(restarter, 'acme', 'culprit').fail('boom'));
    await until(() => heard.length === 1, 'the restart event');
    expect(heard[0]).toMatch(/^restart .*acme.*culprit|^restart .*culprit.*acme/);
    expect(heard[0]).toMatch(/HANDLER_FAILED|TypeError|boom/);
    await codeOf(system.ref(escalator, 'acme', 'ladder').fail('boom'));
    await until(() => heard.length === 2, 'the escalated event');
    expect(heard[1]).toMatch(/^escalated .*acme/);
  });
});
