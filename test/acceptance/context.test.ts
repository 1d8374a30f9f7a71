/** api.md, "ctx further": who and when, chance, copies, emit and system.events. */
import { describe, expect, it } from 'vitest';
import { witness } from './fixtures/witness.ts';
import { codeOf, folder, open, same, seqOf, take, until } from './harness.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('ctx tells', () => {
  it('tenant, type and key, to commands and to queries', async () => {
    const system = await open('witness');
    const ref = system.ref(witness, 'acme', 'w');
    expect(await ref.look()).toMatchObject({ tenant: 'acme', type: 'witness', key: 'w' });
    same(await ref.lookInQuery(), { tenant: 'acme', type: 'witness', key: 'w' });
  });

  it('the seq of the step, which grows by one with each input and is shared within it', async () => {
    const system = await open('witness');
    const ref = system.ref(witness, 'acme', 'w');
    const seqs = [(await ref.look()).seq, (await ref.look()).seq, (await ref.look()).seq];
    same(seqs, [seqs[0]!, seqs[0]! + 1, seqs[0]! + 2]);
    same(await seqOf(system, 'acme'), seqs[2]);
    const { outer, inner } = await ref.lookThrough('x');
    same([outer, inner.seq], [seqs[2]! + 1, outer]);
  });

  it('a time in whole milliseconds that never goes backwards', async () => {
    const system = await open('witness');
    const ref = system.ref(witness, 'acme', 'w');
    const times: number[] = [];
    for (let i = 0; i < 20; i++) times.push(...(await ref.draw(3)).times);
    for (const time of times) expect(Number.isSafeInteger(time)).toBe(true);
    same(
      times,
      [...times].sort((a, b) => a - b),
    );
    // One turn has one time.
    const { times: within } = await ref.draw(100);
    same(new Set(within).size, 1);
  });

  it('random numbers in [0, 1) and version 4 UUIDs, all different', async () => {
    const system = await open('witness');
    const all = await Promise.all(
      ['a', 'b'].flatMap((key) => [1, 2].map(() => system.ref(witness, 'acme', key).draw(100))),
    );
    const randoms = all.flatMap((draw) => draw.randoms);
    const uuids = all.flatMap((draw) => draw.uuids);
    for (const random of randoms) expect(random >= 0 && random < 1).toBe(true);
    for (const uuid of uuids) expect(uuid).toMatch(UUID);
    same([new Set(randoms).size, new Set(uuids).size], [400, 400]);
  });

  it('the sender: the calling actor, or the principal of the embedder', async () => {
    const system = await open('witness', {
      grants: [{ from: 'acme', to: 'other', actor: 'witness', handlers: ['look'] }],
    });
    const ref = system.ref(witness, 'acme', 'w');
    expect((await ref.lookThrough('x')).inner.sender).toMatchObject({ tenant: 'acme', type: 'witness', key: 'w' });
    expect((await ref.lookAcross('other', 'x')).sender).toMatchObject({ tenant: 'acme', type: 'witness', key: 'w' });
    expect((await ref.with({ principal: 'user:7' }).look()).sender).toMatchObject({ principal: 'user:7' });
    expect((await ref.look()).sender ?? {}).not.toHaveProperty('key', 'w');
  });

  it('the log, which takes a line and changes nothing', async () => {
    const system = await open('witness');
    same(await system.ref(witness, 'acme', 'w').speak('a line'), undefined);
  });
});

describe('what a message carries is a copy', () => {
  it('the value of the embedder does not change with the argument', async () => {
    const system = await open('witness');
    const value = { list: [1, 2, 3] };
    await system.ref(witness, 'acme', 'w').mutateArgument(value);
    same(value, { list: [1, 2, 3] });
  });

  it('taken when the call is made, not when it is carried out', async () => {
    const system = await open('witness');
    const ref = system.ref(witness, 'acme', 'w');
    const value = { list: [1] };
    const pending = ref.keep(value);
    value.list.push(2);
    await pending;
    same(await ref.last(), { list: [1] });
    ref.tell.keep(value);
    value.list.push(3);
    same(await ref.last(), { list: [1, 2] });
    same(await ref.give('x'), { list: [1, 2, 3] });
    await ref.giveByTell('y');
    same(await system.ref(witness, 'acme', 'y').last(), { list: [1, 2, 3] });
  });

  it('so is a result', async () => {
    const system = await open('witness');
    const ref = system.ref(witness, 'acme', 'w');
    await ref.keep({ list: [1] });
    const result = (await ref.last()) as { list: number[] };
    result.list.push(2);
    same(await ref.last(), { list: [1] });
  });
});

describe('a query', () => {
  it('sends nothing, emits nothing and draws nothing', async () => {
    const system = await open('witness');
    const ref = system.ref(witness, 'acme', 'w');
    await ref.emit('t', 'first');
    const before = await seqOf(system, 'acme');
    same(await codeOf(ref.sendInQuery('x')), 'HANDLER_FAILED');
    same(await codeOf(ref.emitInQuery('t')), 'HANDLER_FAILED');
    same(await codeOf(ref.drawInQuery()), 'HANDLER_FAILED');
    same(await seqOf(system, 'acme'), before);
    same(await system.ref(witness, 'acme', 'x').last(), null);
    await ref.emit('t', 'second');
    same(
      (await take(system.events('acme', 't', { from: 0 }), 2)).map((event) => event.value),
      ['first', 'second'],
    );
  });
});

describe('system.events', () => {
  it('gives what was emitted from an offset on, the first being 0, with time and value', async () => {
    const system = await open('witness');
    const ref = system.ref(witness, 'acme', 'w');
    for (const value of ['a', { b: 1 }, null]) await ref.emit('topic', value);
    const events = await take(system.events('acme', 'topic', { from: 0 }), 3);
    same(
      events.map(({ offset, value }) => [Number(offset), value]),
      [
        [0, 'a'],
        [1, { b: 1 }],
        [2, null],
      ],
    );
    for (const event of events) expect(typeof event.time).toBe('number');
    same(
      (await take(system.events('acme', 'topic', { from: 2 }), 1)).map((event) => event.value),
      [null],
    );
  });

  it('goes on live, without a gap and without a repeat', async () => {
    const system = await open('witness');
    const ref = system.ref(witness, 'acme', 'w');
    await ref.emitMany('topic', 5);
    const seen: unknown[] = [];
    const reading = (async (): Promise<void> => {
      for await (const { value } of system.events('acme', 'topic', { from: 3 })) {
        seen.push(value);
        if (seen.length === 60) return;
      }
    })();
    await until(() => seen.length >= 2, 'the first two events');
    for (let i = 0; i < 58; i++) await ref.emit('topic', `live ${i}`);
    await reading;
    same(seen, [3, 4, ...Array.from({ length: 58 }, (_, i) => `live ${i}`)]);
  });

  it('keeps topics and tenants apart', async () => {
    const system = await open('witness');
    await system.ref(witness, 'acme', 'w').emit('one', 'acme one');
    await system.ref(witness, 'other', 'w').emit('one', 'other one');
    await system.ref(witness, 'acme', 'w').emit('two', 'acme two');
    const values = async (tenant: string, topic: string): Promise<unknown> =>
      (await take(system.events(tenant, topic, { from: 0 }), 1))[0]?.value;
    same(
      [await values('acme', 'one'), await values('other', 'one'), await values('acme', 'two')],
      ['acme one', 'other one', 'acme two'],
    );
  });

  it('gives nothing of a turn that threw or refused', async () => {
    const system = await open('witness');
    const ref = system.ref(witness, 'acme', 'w');
    same(await codeOf(ref.emitThenFail('topic', 'failed')), 'HANDLER_FAILED');
    same(await codeOf(ref.emitThenRefuse('topic', 'refused')), 'REFUSED');
    await ref.emit('topic', 'kept');
    const [event] = await take(system.events('acme', 'topic', { from: 0 }), 1);
    same([Number(event?.offset), event?.value], [0, 'kept']);
  });

  it('is durable: the events are there after reopening, and offsets go on', async () => {
    const dataDir = folder();
    const first = await open('witness', { dataDir });
    await first.ref(witness, 'acme', 'w').emitMany('topic', 3);
    await first.close();
    const second = await open('witness', { dataDir });
    await second.ref(witness, 'acme', 'w').emit('topic', 'after');
    const events = await take(second.events('acme', 'topic', { from: 0 }), 4);
    same(
      events.map(({ offset, value }) => [Number(offset), value]),
      [
        [0, 0],
        [1, 1],
        [2, 2],
        [3, 'after'],
      ],
    );
  });

  it('ends when the system closes', async () => {
    const system = await open('witness');
    await system.ref(witness, 'acme', 'w').emit('topic', 1);
    const reading = (async (): Promise<string> => {
      try {
        for await (const _ of system.events('acme', 'topic', { from: 0 })) void _;
        return 'ended';
      } catch (error) {
        return String((error as { code?: string }).code);
      }
    })();
    await system.close();
    expect(['ended', 'CLOSED']).toContain(await reading);
  });
});
