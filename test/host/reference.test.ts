/** References of the embedder: methods that are kept, and what is no method. */
import { expect, test } from 'vitest';
import { ADDRESS, type UntypedRef } from '../../src/actor/reference-types.ts';
import { Frame } from '../../src/frame/frame.ts';
import { Client } from '../../src/host/client.ts';
import { makeReference } from '../../src/host/reference.ts';

const sent: Frame[] = [];
const client = new Client(
  { shards: 8, callTimeoutMs: 1_000, maxInFlight: 10_000, maxInFlightBytes: 1 << 24 },
  {
    nowMs: () => 0,
    toShard: (_shard, bytes) => void sent.push(new Frame(bytes.slice())),
    after: () => () => undefined,
  },
  7,
);
const lost: string[] = [];
const home = {
  client,
  onLost: ({ handler, error }: { handler: string; error: Error }) => lost.push(`${handler} ${error.message}`),
};
const address = { tenant: 'acme', type: 'unit', key: 'a' };
const make = (): UntypedRef => makeReference(home, address) as unknown as UntypedRef;

test('every name is a method that sends to its own handler, however many there are', () => {
  const ref = make();
  const names = Array.from({ length: 600 }, (_, i) => `handler-${i % 300}`);
  sent.length = 0;
  for (const name of names) void ref[name]!(name);
  expect(sent.map((frame) => frame.handler)).toEqual(names);
  expect(sent.map((frame) => frame.payloadValue())).toEqual(names.map((name) => [name]));
  sent.length = 0;
  for (const name of names) ref.tell[name]!();
  expect(sent.map((frame) => [frame.kind, frame.handler])).toEqual(names.map((name) => [2, name]));
});

test('a method is kept, and works without its reference', () => {
  const ref = make();
  const { add, get } = ref;
  expect([ref['add'], ref['get'], ref['add']]).toEqual([add, get, add]);
  expect(ref['add']).toBe(add);
  sent.length = 0;
  void add!(1);
  expect(sent[0]?.target).toEqual(address);
});

test('a reference is no promise, reads as its address, and cannot be changed', () => {
  const ref = make();
  expect([ref['then'], ref.tell['then']]).toEqual([undefined, undefined]);
  expect(`${ref as unknown as string}`).toBe('acme/unit/a');
  expect(JSON.stringify(ref)).toBe(JSON.stringify(address));
  expect(ref[ADDRESS]).toEqual(address);
  expect(Object.isFrozen(ref[ADDRESS])).toBe(true);
  expect(() => Object.assign(ref, { add: 1 })).toThrow(TypeError);
});

test('options are those of the reference that was made with them; a fault is told by its calls', async () => {
  sent.length = 0;
  void make().with({ principal: 'alice' })['add']!();
  void make()['add']!();
  expect(sent.map((frame) => frame.extension.length > 0)).toEqual([true, false]);
  const bad = makeReference(home, { ...address, key: '' }) as unknown as UntypedRef;
  await expect(bad['add']!()).rejects.toMatchObject({ code: 'INVALID_ADDRESS' });
  await expect(make()['\ud800']!()).rejects.toMatchObject({ code: 'UNSERIALIZABLE' });
  bad.tell['add']!();
  make().tell['\ud800']!();
  expect(lost).toEqual([expect.stringContaining('add key'), expect.stringContaining('lone surrogate')]);
});
