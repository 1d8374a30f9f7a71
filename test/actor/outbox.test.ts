/** The outbox: counters per receiver, floors as of the sending step, acknowledgements by identity. */
import { expect, test } from 'vitest';
import { Outbox, type OutboxEntry } from '../../src/actor/outbox.ts';

const MESSAGE = { type: 'unit', key: 'b', handler: 'add', args: new Uint8Array([1]), chain: [] };
const POSTING = { ...MESSAGE, principal: undefined, idempotencyKey: undefined, tell: true, turnId: 0, callIndex: 0 };

function post(outbox: Outbox, tenant: string, incarnation = 1): OutboxEntry {
  return outbox.add({ ...POSTING, tenant }, { type: 'unit', key: 'a' }, incarnation, 5);
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
  expect(post(outbox, 'x').floor).toBe(4);
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

test('a snapshot holds the fields of an entry in an order that does not change', () => {
  const outbox = new Outbox();
  const names = Object.keys(post(outbox, 'x')).join(' ');
  expect(names).toBe(
    'tenant incarnation tell sourceType sourceKey type key handler args principal idempotencyKey chain timeMs turnId callIndex counter floor',
  );
});

test('an outbox with gaps goes on where its image was made, floors included', () => {
  const outbox = new Outbox();
  for (let counter = 1; counter <= 300; counter++) post(outbox, 'x');
  for (let counter = 1; counter <= 300; counter++) {
    if (counter !== 7 && counter % 50 !== 0) outbox.settle({ tenant: 'x', incarnation: 1, counter });
  }
  const restored = Outbox.fromImage(outbox.image());
  for (const box of [outbox, restored]) {
    expect([...box.entries()].map(({ counter }) => counter)).toEqual([7, 50, 100, 150, 200, 250, 300]);
    expect(post(box, 'x').floor).toBe(7);
    expect(box.settle({ tenant: 'x', incarnation: 1, counter: 7 })?.counter).toBe(7);
    expect(post(box, 'x')).toMatchObject({ counter: 302, floor: 50 });
    for (const { counter } of box.entries()) box.settle({ tenant: 'x', incarnation: 1, counter });
    expect(post(box, 'x')).toMatchObject({ counter: 303, floor: 303 });
  }
  expect(restored.image()).toEqual(outbox.image());
});
