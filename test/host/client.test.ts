/** The embedder's sender: floors, repeats, time-outs, limits, and holding back while a shard moves. */
import { beforeEach, expect, test } from 'vitest';
import type { CallOptions } from '../../src/actor/reference-types.ts';
import { SynapseError } from '../../src/base/error.ts';
import { encodeValue } from '../../src/frame/codec.ts';
import { FRAME_KIND, FRAME_STATUS, Frame, encodeError, encodeFrame } from '../../src/frame/frame.ts';
import { Client } from '../../src/host/client.ts';
import { FLAG_RESEND, clientAck } from '../../src/host/lane-frame.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

const SHARDS = 8;
const to = { tenant: 'acme', type: 'unit', key: 'a' };

let sent: Frame[];
let clock: VirtualClock;
let client: Client;

beforeEach(() => {
  open({});
});

function open(limits: { maxInFlight?: number; maxInFlightBytes?: number }): void {
  sent = [];
  clock = new VirtualClock(0);
  client = new Client(
    { shards: SHARDS, callTimeoutMs: 1_000, maxInFlight: 100, maxInFlightBytes: 1 << 20, ...limits },
    {
      nowMs: () => clock.nowMs,
      toShard: (_shard, bytes) => void sent.push(new Frame(bytes.slice())),
      after: (ms, callback) => clock.after(ms, callback),
    },
    7,
  );
}

function add(args: readonly unknown[], options: CallOptions = {}): Promise<unknown> {
  return client.call(client.route(to, 'add', options), args);
}

function reply(id: number, value: unknown, incarnation = 7): void {
  answer(id, FRAME_STATUS.ok, encodeValue(value), incarnation);
}

function answer(id: number, flags: number, payload: Uint8Array, incarnation = 7): void {
  const target = { tenant: '', type: '', key: '' };
  client.receive(
    new Frame(
      encodeFrame({
        kind: FRAME_KIND.reply,
        flags,
        shard: 0,
        messageId: 0,
        correlation: id,
        timeMs: 0,
        incarnation,
        target,
        payload,
      }),
    ),
  );
}

const ids = (): number[] => sent.map((frame) => frame.messageId);

test('a call resolves with its own reply, whatever order replies come in', async () => {
  const calls = [1, 2, 3].map((n) => add([n]));
  for (const id of [3, 1, 2]) reply(id, `answer ${id}`);
  expect(await Promise.all(calls)).toEqual(['answer 1', 'answer 2', 'answer 3']);
  expect(client.openCount).toBe(0);
});

test('an error comes back with its code and details', async () => {
  const call = add([1]);
  answer(1, FRAME_STATUS.error, encodeError(new SynapseError('REFUSED', 'no', { n: 1 })));
  await expect(call).rejects.toMatchObject({ code: 'REFUSED', message: 'no', details: { n: 1 } });
});

test('every frame carries the floor below which all is settled', () => {
  for (const n of [1, 2, 3]) void add([n]).catch(() => undefined);
  reply(1, null);
  reply(3, null);
  void add([4]).catch(() => undefined);
  reply(2, null);
  void add([5]).catch(() => undefined);
  expect(sent.map((frame) => frame.floor)).toEqual([1, 1, 1, 2, 4]);
});

test('a reply of another incarnation, a second reply and a reply to nothing change nothing', async () => {
  const call = add([1]);
  reply(1, 'of another process', 6);
  reply(99, 'to nobody');
  expect(client.openCount).toBe(1);
  reply(1, 'mine');
  reply(1, 'again');
  expect(await call).toBe('mine');
});

test('what is not settled is sent again in its order, marked as a repeat', () => {
  for (const n of [1, 2, 3]) void add([n]).catch(() => undefined);
  reply(2, null);
  const payloads = sent.map((frame) => [...frame.payload]);
  sent.length = 0;
  client.resend(() => true);
  expect(ids()).toEqual([1, 3]);
  expect(sent.map((frame) => frame.flags)).toEqual([FLAG_RESEND, FLAG_RESEND]);
  expect(sent.map((frame) => [...frame.payload])).toEqual([payloads[0], payloads[2]]);
  sent.length = 0;
  client.resend(() => false);
  expect(sent).toEqual([]);
});

test('the result of an effect keeps its own flags when it is sent again, until it is acknowledged', async () => {
  const delivered = client.deliver(
    'effectResult',
    'acme',
    '2.0',
    false,
    encodeError(new SynapseError('EFFECT_FAILED', 'no')),
  );
  client.resend(() => true);
  expect(sent.map((frame) => frame.flags)).toEqual([FRAME_STATUS.error, FRAME_STATUS.error]);
  client.receive(new Frame(clientAck(1, 0)));
  await delivered;
  sent.length = 0;
  client.resend(() => true);
  expect(sent).toEqual([]);
});

test('a shard that is held gets nothing, and everything in order when it is free', () => {
  void add([1]).catch(() => undefined);
  const { shard } = sent[0] as Frame;
  client.hold(shard);
  void add([2]).catch(() => undefined);
  client.resend(() => true);
  expect(ids()).toEqual([1]);
  client.unhold(shard);
  expect(ids()).toEqual([1, 1, 2]);
});

test('a call without an answer ends with TIMEOUT, and says that it may still happen', async () => {
  const call = add([1]);
  const quick = add([2], { timeoutMs: 10 });
  clock.setTo(10);
  clock.fire();
  await expect(quick).rejects.toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining('may still happen') });
  expect(client.openCount).toBe(1);
  clock.setTo(1_000);
  clock.fire();
  await expect(call).rejects.toMatchObject({ code: 'TIMEOUT' });
  reply(1, 'too late');
  expect(client.openCount).toBe(0);
});

test('more calls than may be in flight are refused at once, and there is room again after a reply', async () => {
  open({ maxInFlight: 2 });
  const first = add([1]);
  void add([2]).catch(() => undefined);
  await expect(add([3])).rejects.toMatchObject({ code: 'MAILBOX_FULL' });
  reply(1, null);
  await first;
  void add([4]).catch(() => undefined);
  expect(sent).toHaveLength(3);
});

test('more bytes than may be in flight are refused at once', async () => {
  open({ maxInFlightBytes: 4_096 });
  void add(['x'.repeat(3_000)]).catch(() => undefined);
  await expect(add(['x'.repeat(3_000)])).rejects.toMatchObject({ code: 'MAILBOX_FULL' });
});

test('a tell that is refused is told to whoever asked', () => {
  const lost: unknown[] = [];
  client.tell(client.route(to, 'add', {}), [1], ({ error, handler }) => lost.push([handler, error.code]));
  client.tell(client.route(to, 'add', {}), [2], () => lost.push('never'));
  answer(1, FRAME_STATUS.error, encodeError(new SynapseError('DENIED', 'no')));
  reply(2, null);
  client.tell(client.route(to, 'add', {}), [() => undefined], ({ error }) => lost.push(error.code));
  expect(lost).toEqual([['add', 'DENIED'], 'UNSERIALIZABLE']);
});

test('a closed client takes no call, ends those under way when told, and can be opened anew', async () => {
  const under = add([1]);
  client.close(new SynapseError('CLOSED', 'closed'));
  await expect(add([2])).rejects.toMatchObject({ code: 'CLOSED' });
  client.abandon(new SynapseError('CLOSED', 'gone'));
  await expect(under).rejects.toMatchObject({ message: 'gone' });
  client.reopen(8);
  void add([3]).catch(() => undefined);
  expect(sent.at(-1)?.incarnation).toBe(8);
});

test('idle resolves when the last call is answered, or at the latest after its time', async () => {
  await client.idle(100);
  void add([1]).catch(() => undefined);
  const idle = client.idle(100);
  reply(1, null);
  await idle;
  void add([2]).catch(() => undefined);
  const late = client.idle(100);
  clock.setTo(100);
  clock.fire();
  await late;
  expect(client.openCount).toBe(1);
});
