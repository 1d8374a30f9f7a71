/** The outbox: counters per receiver, floors as of the sending step, acknowledgements by identity. */
import { expect, test } from 'vitest';
import { Outbox, type OutboxEntry } from '../../src/actor/outbox.ts';

function post(outbox: Outbox, tenant: string, incarnation = 1): OutboxEntry {
  return outbox.add({
    tenant,
    incarnation,
    tell: true,
    sourceType: 'unit',
    sourceKey: 'a',
    type: 'unit',
    key: 'b',
    handler: 'add',
    args: new Uint8Array([1]),
    principal: undefined,
    idempotencyKey: undefined,
    chain: [],
    timeMs: 5,
    turnId: 0,
    callIndex: 0,
  });
}

test('counters rise by one for each receiver', () => {
  const outbox = new Outbox();
  const sent = ['x', 'x', 'y', 'x'].map((tenant) => post(outbox, tenant).counter);
  expect(sent).toEqual([1, 2, 1, 3]);
});

test('an entry carries the floor as it was when the entry was made', () => {
  const outbox = new Outbox();
  const first = post(outbox, 'x');
  const second = post(outbox, 'x');
  outbox.settle({ tenant: 'x', incarnation: 1, counter: 1 });
  const third = post(outbox, 'x');
  expect([first.floor, second.floor, third.floor]).toEqual([1, 1, 2]);
  outbox.settle({ tenant: 'x', incarnation: 1, counter: 2 });
  outbox.settle({ tenant: 'x', incarnation: 1, counter: 3 });
  expect(third.floor).toBe(2);
  expect(outbox.floor('x')).toBe(4);
  expect(outbox.floor('nobody')).toBe(0);
});

test('an acknowledgement for another incarnation settles nothing', () => {
  const outbox = new Outbox();
  post(outbox, 'x', 1);
  expect(outbox.settle({ tenant: 'x', incarnation: 2, counter: 1 })).toBeUndefined();
  expect(outbox.size).toBe(1);
  expect(outbox.settle({ tenant: 'x', incarnation: 1, counter: 1 })?.counter).toBe(1);
  expect(outbox.settle({ tenant: 'x', incarnation: 1, counter: 1 })).toBeUndefined();
  expect(outbox.size).toBe(0);
});

test('an outbox is what its image says, its counters included', () => {
  const outbox = new Outbox();
  for (const tenant of ['x', 'y', 'x']) post(outbox, tenant);
  outbox.settle({ tenant: 'y', incarnation: 1, counter: 1 });
  const restored = Outbox.fromImage(outbox.image());
  expect(restored.image()).toEqual(outbox.image());
  expect(restored.size).toBe(2);
  expect([...restored.entries()]).toEqual([...outbox.entries()]);
  expect(post(restored, 'y').counter).toBe(2);
});
