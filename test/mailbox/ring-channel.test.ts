/** Messages over a ring: overflow, fragments, limits and order, in one thread. */
import { describe, expect, test } from 'vitest';
import { RING_MESSAGE_MAX_BYTES, RingReceiver, RingSender } from '../../src/mailbox/ring-channel.ts';
import { createRing, ringRecordMaxBytes } from '../../src/mailbox/ring.ts';

function message(size: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (seed * 31 + i * 7 + (i >>> 8)) & 0xff;
  return bytes;
}

function pair(sizeBytes = 1024, queueMaxBytes?: number): { sender: RingSender; receiver: RingReceiver } {
  const buffer = createRing(sizeBytes);
  return { sender: new RingSender(buffer, queueMaxBytes), receiver: new RingReceiver(buffer) };
}

/** Lets the receiver take all that is there and the sender fill up again, until nothing moves. */
function pump(sender: RingSender, receiver: RingReceiver): Uint8Array[] {
  const received: Uint8Array[] = [];
  for (;;) {
    const { pending } = sender.flush();
    const before = received.length;
    for (let next = receiver.next(); next !== undefined; next = receiver.next()) received.push(next);
    const rung = receiver.release();
    expect(rung).toBe(pending);
    if (!pending && received.length === before) return received;
  }
}

describe('a sender and a receiver', () => {
  test('carry messages of any size in order', () => {
    const { sender, receiver } = pair();
    const most = ringRecordMaxBytes(1024);
    const sizes = [0, 1, most, most + 1, 5, 100_000, 0, 1024, 3, 256, 257, 2048];
    for (const [i, size] of sizes.entries()) sender.send(message(size, i));
    const received = pump(sender, receiver);
    expect(received.map((bytes) => bytes.length)).toEqual(sizes);
    received.forEach((bytes, i) => expect(Buffer.compare(bytes, message(sizes[i]!, i))).toBe(0));
    expect(sender.pendingBytes).toBe(0);
    expect(sender.flush()).toEqual({ ring: false, pending: false });
  });

  test('carry the longest message through 1 MiB', () => {
    const { sender, receiver } = pair(1024 * 1024);
    const longest = message(RING_MESSAGE_MAX_BYTES, 1);
    sender.send(message(10, 2));
    sender.send(longest);
    sender.send(message(10, 3));
    const received = pump(sender, receiver);
    expect(received.map((bytes) => bytes.length)).toEqual([10, RING_MESSAGE_MAX_BYTES, 10]);
    expect(Buffer.compare(received[1]!, longest)).toBe(0);
    expect(() => sender.send(new Uint8Array(RING_MESSAGE_MAX_BYTES + 1))).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE' }),
    );
  });

  test('keep thousands of waiting messages in order', () => {
    const { sender, receiver } = pair();
    const count = 5000;
    for (let i = 0; i < count; i++) sender.send(message(i % 97, i));
    const received = pump(sender, receiver);
    expect(received).toHaveLength(count);
    received.forEach((bytes, i) => expect(Buffer.compare(bytes, message(i % 97, i))).toBe(0));
  });

  test('refuse what would wait beyond the limit, and take it when there is space again', () => {
    const { sender, receiver } = pair(1024, 10_000);
    const sent: number[] = [];
    for (let i = 0; ; i++) {
      try {
        sender.send(message(500, i));
        sent.push(i);
      } catch (error) {
        expect(error).toMatchObject({ code: 'MAILBOX_FULL', details: { limit: 10_000, unit: 'bytes' } });
        break;
      }
    }
    expect(sender.pendingBytes).toBeLessThanOrEqual(10_000);
    expect(sender.pendingBytes).toBeGreaterThan(9_000);
    expect(pump(sender, receiver)).toEqual(sent.map((i) => message(500, i)));
    sender.send(message(500, 99));
    expect(pump(sender, receiver)).toEqual([message(500, 99)]);
  });

  test('bound empty messages too', () => {
    const { sender } = pair(1024, 10_000);
    let sent = 0;
    expect(() => {
      for (; sent < 100_000; sent++) sender.send(new Uint8Array(0));
    }).toThrow(expect.objectContaining({ code: 'MAILBOX_FULL' }));
    expect(sent).toBeLessThan(1000);
  });

  test('say when to ring, even when a full ring was published before the flush', () => {
    const { sender, receiver } = pair();
    expect(receiver.sleep()).toBe(true);
    for (let i = 0; i < 40; i++) sender.send(message(60, i));
    expect(sender.flush()).toEqual({ ring: true, pending: true });
    expect(sender.flush()).toEqual({ ring: false, pending: true });
    receiver.wake();
    expect(pump(sender, receiver)).toHaveLength(40);
    expect(receiver.sleep()).toBe(true);
    sender.send(message(1, 1));
    expect(receiver.next()).toBeUndefined();
    expect(sender.flush()).toEqual({ ring: true, pending: false });
  });
});
