/** The ring: order, wrap, batches, the overflow of its counters and both wake-up handshakes, in one thread. */
import { describe, expect, test } from 'vitest';
import { createRing, RING_MIN_BYTES, ringRecordMaxBytes, RingReader, RingWriter } from '../../src/mailbox/ring.ts';

const SIZE_BYTES = 1024;

function pair(sizeBytes = SIZE_BYTES, startPosition = 0): { writer: RingWriter; reader: RingReader } {
  const buffer = createRing(sizeBytes, startPosition);
  return { writer: new RingWriter(buffer), reader: new RingReader(buffer) };
}

/** Bytes that tell which record they are and whether any of them went astray. */
function record(size: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (seed * 31 + i * 7) & 0xff);
}

describe('a ring', () => {
  test('gives records back in order, once they are published and not before', () => {
    const { writer, reader } = pair();
    expect(writer.tryWrite(record(5, 1))).toBe(true);
    expect(writer.tryWrite(record(0, 2))).toBe(true);
    expect(reader.read()).toBeUndefined();
    writer.publish();
    expect(reader.read()).toEqual(record(5, 1));
    expect(reader.read()).toEqual(record(0, 2));
    expect(reader.read()).toBeUndefined();
  });

  test('gives copies: a record stays as it is when its space is used again', () => {
    const { writer, reader } = pair();
    const kept: Uint8Array[] = [];
    for (let i = 0; i < 400; i++) {
      expect(writer.tryWrite(record(i % 150, i))).toBe(true);
      writer.publish();
      kept.push(reader.read()!);
      reader.release();
    }
    kept.forEach((bytes, i) => expect(bytes).toEqual(record(i % 150, i)));
  });

  test('is full when its space is used, and has space again when the reader releases', () => {
    const { writer, reader } = pair();
    let written = 0;
    while (writer.tryWrite(record(60, written))) written++;
    expect(written).toBe(SIZE_BYTES / 64);
    expect(writer.usedBytes).toBe(SIZE_BYTES);
    writer.publish();
    reader.read();
    expect(writer.tryWrite(record(60, 0))).toBe(false);
    reader.release();
    expect(writer.tryWrite(record(60, 0))).toBe(true);
    expect(writer.tryWrite(record(60, 0))).toBe(false);
  });

  test.each([0, 2 ** 31 - 4096, 2 ** 32 - 4096, 2 ** 32 - 8])(
    'runs on across the overflow of its counters from %d',
    (start) => {
      const { writer, reader } = pair(SIZE_BYTES, start);
      for (let i = 0; i < 300; i++) {
        const batch = (i % 4) + 1;
        for (let j = 0; j < batch; j++) expect(writer.tryWrite(record((i * 13 + j * 29) % 200, i + j))).toBe(true);
        writer.publish();
        for (let j = 0; j < batch; j++) expect(reader.read()).toEqual(record((i * 13 + j * 29) % 200, i + j));
        expect(reader.read()).toBeUndefined();
        reader.release();
        expect(writer.usedBytes).toBe(0);
      }
    },
  );

  test('takes records of half its size wherever the last one ended', () => {
    const largest = ringRecordMaxBytes(SIZE_BYTES);
    for (let offset = 0; offset < SIZE_BYTES; offset += 8) {
      const { writer, reader } = pair(SIZE_BYTES, offset);
      expect(writer.tryWrite(record(largest, offset))).toBe(true);
      writer.publish();
      expect(reader.read()).toEqual(record(largest, offset));
    }
  });

  test('gives back records larger than the memory it copies at once', () => {
    const { writer, reader } = pair(256 * 1024);
    const sizes = [10, 16_000, 70, 16_380, 16_384, 100_000, 3, 20_000];
    for (const [i, size] of sizes.entries()) {
      expect(writer.tryWrite(record(size, i))).toBe(true);
    }
    writer.publish();
    for (const [i, size] of sizes.entries()) expect(Buffer.compare(reader.read()!, record(size, i))).toBe(0);
  });

  test('refuses as bugs what it cannot do', () => {
    const { writer } = pair();
    expect(() => writer.tryWrite(new Uint8Array(ringRecordMaxBytes(SIZE_BYTES) + 1))).toThrow('bug');
    for (const sizeBytes of [0, RING_MIN_BYTES / 2, 1500, 2 ** 31]) expect(() => createRing(sizeBytes)).toThrow('bug');
    expect(() => createRing(SIZE_BYTES, 4)).toThrow('bug');
    writer.tryWrite(record(1, 1));
    expect(() => writer.waitForSpace(1)).toThrow('bug');
  });

  test('marks a record that goes on in the next', () => {
    const { writer, reader } = pair();
    writer.tryWrite(record(3, 1), true);
    writer.tryWrite(record(3, 2));
    writer.publish();
    reader.read();
    expect(reader.more).toBe(true);
    reader.read();
    expect(reader.more).toBe(false);
  });
});

describe('the bell', () => {
  test('is to be rung once for a sleeping reader, and never for one that is awake', () => {
    const { writer, reader } = pair();
    writer.tryWrite(record(1, 1));
    expect(writer.publish()).toBe(false);
    reader.read();
    expect(reader.sleep()).toBe(true);
    expect(writer.publish()).toBe(false);
    writer.tryWrite(record(1, 2));
    expect(writer.publish()).toBe(true);
    writer.tryWrite(record(1, 3));
    expect(writer.publish()).toBe(false);
    reader.wake();
    reader.read();
    reader.read();
    expect(reader.sleep()).toBe(true);
    reader.wake();
    writer.tryWrite(record(1, 4));
    expect(writer.publish()).toBe(false);
  });

  test('is to be rung for a dozing reader only when something is urgent', () => {
    const { writer, reader } = pair();
    expect(reader.sleep(true)).toBe(true);
    writer.tryWrite(record(1, 1));
    expect(writer.publish(false)).toBe(false);
    expect(reader.sleep(true)).toBe(false); // it is there all the same
    reader.read();
    expect(reader.sleep(true)).toBe(true);
    writer.tryWrite(record(1, 2));
    expect(writer.publish(false)).toBe(false);
    writer.tryWrite(record(1, 3));
    expect(writer.publish(true)).toBe(true);
    writer.tryWrite(record(1, 4));
    expect(writer.publish(true)).toBe(false); // once
    for (let n = 2; n <= 4; n++) expect(reader.read()).toEqual(record(1, n));
    expect(reader.sleep()).toBe(true);
    writer.tryWrite(record(1, 5));
    expect(writer.publish(false)).toBe(true); // asleep, it is woken for anything
  });

  test('is not needed when something arrived before the reader slept', () => {
    const { writer, reader } = pair();
    writer.tryWrite(record(1, 1));
    writer.publish();
    expect(reader.sleep()).toBe(false);
    writer.tryWrite(record(1, 2));
    expect(writer.publish()).toBe(false);
  });

  test('is to be rung once for a writer that waits for space', () => {
    const { writer, reader } = pair();
    while (writer.tryWrite(record(60, 0)));
    writer.publish();
    expect(writer.waitForSpace(60)).toBe(true);
    expect(writer.waitingForSpace).toBe(true);
    expect(reader.release()).toBe(false);
    reader.read();
    expect(reader.release()).toBe(true);
    expect(writer.waitingForSpace).toBe(false);
    reader.read();
    expect(reader.release()).toBe(false);
    expect(writer.tryWrite(record(60, 0))).toBe(true);
  });

  test('is not needed when there is space before the writer waits', () => {
    const { writer, reader } = pair();
    while (writer.tryWrite(record(60, 0)));
    writer.publish();
    reader.read();
    reader.release();
    expect(writer.waitForSpace(60)).toBe(false);
    reader.read();
    expect(reader.release()).toBe(false);
    writer.tryWrite(record(60, 0));
    writer.tryWrite(record(60, 0));
    writer.publish();
    expect(writer.waitForSpace(60)).toBe(true);
    writer.stopWaiting();
    reader.read();
    expect(reader.release()).toBe(false);
  });
});
