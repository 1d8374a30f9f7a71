/** Results into streams that are slow, gone or full. */
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ResultOutput } from '../../src/cli/result-output.ts';

/** A stream that takes one write at a time, when the test lets it. */
class SlowStream extends Writable {
  readonly writes: string[] = [];
  #done: ((error?: Error) => void) | undefined;

  constructor() {
    super({ highWaterMark: 10, decodeStrings: false });
  }

  override _write(chunk: string, _encoding: string, done: (error?: Error) => void): void {
    this.writes.push(chunk);
    this.#done = done;
  }

  let(error?: Error): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(error);
  }
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the output of results', () => {
  it('gathers lines into one write and keeps their order', async () => {
    const stream = new SlowStream();
    const output = new ResultOutput(stream, () => {});
    for (const line of ['1\n', '2\n', '3\n']) output.write(line);
    expect(stream.writes).toEqual([]);
    await tick();
    expect(stream.writes).toEqual(['1\n2\n3\n']);
  });

  it('tells of pressure until the reader has caught up', async () => {
    const stream = new SlowStream();
    const output = new ResultOutput(stream, () => {});
    output.write('a long line of results\n');
    expect(output.pressure()).toBeUndefined();
    await tick();
    const pressure = output.pressure();
    expect(pressure).toBeInstanceOf(Promise);
    stream.let();
    await pressure;
    expect(output.pressure()).toBeUndefined();
  });

  it('ends only when all is written', async () => {
    const stream = new SlowStream();
    const output = new ResultOutput(stream, () => {});
    output.write('x\n');
    let isEnded = false;
    const ended = output.end().then(() => (isEnded = true));
    await tick();
    expect([stream.writes, isEnded]).toEqual([['x\n'], false]);
    stream.let();
    await tick();
    stream.let(); // the empty write behind it
    await ended;
  });

  it('says once that the reader is gone, relieves the pressure and drops the rest', async () => {
    const stream = new SlowStream();
    const lost: Error[] = [];
    const output = new ResultOutput(stream, (error) => lost.push(error));
    output.write('a long line of results\n');
    await tick();
    const pressure = output.pressure();
    stream.let(new Error('EPIPE'));
    await pressure;
    output.write('more\n');
    await tick();
    await output.end();
    expect(lost.map((error) => error.message)).toEqual(['EPIPE']);
    expect(stream.writes).toHaveLength(1);
  });
});
