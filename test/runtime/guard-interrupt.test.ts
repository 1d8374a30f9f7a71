/**
 * A thread in an endless loop can be ended from outside, on every supported version of Node.
 */
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { keepInterruptible } from '../../src/runtime/guard-interrupt.ts';

/** A loop that V8 13.6 unrolls so that no interrupt reaches it. It counts its rounds in shared memory. */
const LOOP = `
  const { workerData } = require('node:worker_threads');
  const spin = (rounds) => {
    let list = [];
    for (;;) {
      list.push(new Array(1000).fill(list.length));
      if (list.length > 1000) { list = []; rounds[0]++; }
    }
  };
  spin(workerData);`;

/** Thousands of pushes each: compiled long before. */
const ROUNDS = 100;

it('a thread in a compiled loop without end can be terminated', async () => {
  keepInterruptible();
  const rounds = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(LOOP, { eval: true, workerData: rounds });
  while (Atomics.load(rounds, 0) < ROUNDS) await new Promise((resolve) => setImmediate(resolve));
  expect(await worker.terminate()).toBe(1);
});
