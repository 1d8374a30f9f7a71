/** The parts of the simulator, each by itself: disk, network, clock, plan of faults, and what cuts a run down. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Write } from '../../src/store/key-value.ts';
import { Chance } from '../../src/testing/chance.ts';
import { shrinkList } from '../../src/testing/shrink.ts';
import { SimulatedClock } from '../../src/testing/sim-clock.ts';
import { type FlushFate, SimulatedDisk } from '../../src/testing/sim-disk.ts';
import { planFaults, resolveRates } from '../../src/testing/sim-fault.ts';
import { type LinkFaults, SimulatedNetwork } from '../../src/testing/sim-network.ts';

const bytes = (...all: number[]): Uint8Array => Uint8Array.from(all);
const everything = (disk: SimulatedDisk): string =>
  disk
    .range(bytes(0), bytes(0xff, 0xff))
    .map(([key, value]) => `${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`)
    .join(' ');

describe('the simulated disk', () => {
  test('has after a loss of power all commits that returned, and the last one whole or not at all', () => {
    const commitArb = fc.array(
      fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 2, max: 3 }), fc.option(fc.nat(3_000))),
      {
        maxLength: 6,
      },
    );
    fc.assert(
      fc.property(fc.array(commitArb, { minLength: 1, maxLength: 8 }), fc.nat(15), fc.nat(), (commits, dies, seed) => {
        const disk = new SimulatedDisk(new Chance(seed));
        let flushes = 0;
        disk.onFlush = () => (flushes++ === dies ? 'power-lost' : 'done');
        let before = '';
        let after = '';
        for (const commit of commits) {
          const writes = commit.map(([key, size], at): Write => [
            key,
            size === null ? null : new Uint8Array(size).fill(at),
          ]);
          const whole = new SimulatedDisk(new Chance(1));
          whole.commit(disk.range(bytes(0), bytes(0xff, 0xff)));
          whole.commit(writes);
          after = everything(whole);
          try {
            disk.commit(writes);
          } catch {
            break;
          }
          before = everything(disk);
          expect(before).toBe(after);
        }
        disk.onFlush = () => 'done';
        disk.reopen();
        expect([before, after]).toContain(everything(disk));
        disk.commit([[bytes(9), bytes(1)]]); // goes on behind what is left of the torn one
        disk.reopen();
        expect(disk.get(bytes(9))).toEqual(bytes(1));
      }),
      { numRuns: 150 },
    );
  });

  test('shows what is written before it is durable, as LMDB does', () => {
    const disk = new SimulatedDisk(new Chance(1));
    disk.commit([[bytes(1), bytes(1)]]);
    const seen: unknown[] = [];
    disk.onFlush = (): FlushFate => {
      seen.push(disk.get(bytes(2)));
      return seen.length === 1 ? 'power-lost' : 'done';
    };
    expect(() => disk.commit([[bytes(2), bytes(2)]])).toThrow('power was lost');
    expect(seen).toEqual([bytes(2)]);
    expect(() => disk.get(bytes(1))).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
    disk.reopen();
    expect(disk.get(bytes(2))).toBeUndefined();
    expect(disk.get(bytes(1))).toEqual(bytes(1));
  });

  test.each(['isFull', 'isBroken'] as const)('takes nothing while it %s, and goes on after reopening', (trouble) => {
    const disk = new SimulatedDisk(new Chance(1));
    disk.commit([[bytes(1), bytes(1)]]);
    disk[trouble] = true;
    expect(() => disk.commit([[bytes(1), bytes(2)]])).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
    disk[trouble] = false;
    expect(() => disk.commit([])).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
    disk.reopen();
    expect(disk.get(bytes(1))).toEqual(bytes(1));
  });

  test('lets one bit of one value rot, then and for good', () => {
    const disk = new SimulatedDisk(new Chance(5));
    expect(disk.rot()).toBeUndefined();
    disk.commit([[bytes(1), bytes(0, 0, 0)]]);
    disk.commit([[bytes(2), bytes(0)]]);
    expect(disk.rot()).toEqual(bytes(1));
    const rotten = disk.get(bytes(1)) ?? bytes();
    const ones = [...rotten].reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    expect([rotten.length, ones]).toEqual([3, 1]);
    disk.reopen();
    expect(disk.get(bytes(1))).toEqual(rotten);
  });
});

describe('the simulated network', () => {
  const linkOf = { from: 'a', to: 'b' };
  const arrivals = (faults: LinkFaults, count: number, seed = 1): number[] => {
    const network = new SimulatedNetwork(new Chance(seed), () => faults);
    for (let n = 0; n < count; n++) network.send('a', 'b', bytes(n));
    const got: number[] = [];
    for (let tick = 0; network.isBusy && tick < 1_000; tick++) {
      for (let next = network.receive(linkOf); next !== undefined; next = network.receive(linkOf))
        got.push(next[0] ?? -1);
      network.pass();
    }
    return got;
  };
  const inOrder = Array.from({ length: 40 }, (_, n) => n);

  test('without faults loses, doubles and reorders nothing', () => {
    expect(arrivals({}, 40)).toEqual(inOrder);
  });

  test('delays in order, unless packets may overtake', () => {
    expect(arrivals({ delay: 0.5 }, 40)).toEqual(inOrder);
    const reordered = arrivals({ delay: 0.5, reorder: 0.9 }, 40);
    expect(reordered).not.toEqual(inOrder);
    expect(reordered.toSorted((a, b) => a - b)).toEqual(inOrder);
  });

  test('loses and doubles as often as it is told to', () => {
    expect(arrivals({ loss: 1 }, 40)).toEqual([]);
    const some = arrivals({ loss: 0.5 }, 40);
    expect(some.length).toBeGreaterThan(5);
    expect(some.length).toBeLessThan(35);
    const twice = arrivals({ duplicate: 1 }, 40);
    expect(twice.toSorted((a, b) => a - b)).toEqual(inOrder.flatMap((n) => [n, n]));
    expect([...new Set(twice)]).toEqual(inOrder); // the first copies keep their order
  });

  test('holds back behind a partition, and forgets what was sent to an end that is gone', () => {
    const network = new SimulatedNetwork(new Chance(1));
    network.partition('b', 'a');
    network.send('a', 'b', bytes(1));
    network.send('b', 'a', bytes(2));
    expect([network.ready(), network.isBusy]).toEqual([[], true]);
    network.heal('a', 'b');
    expect(network.ready().length).toBe(2);
    network.cut('b', false);
    expect([network.receive(linkOf), network.receive({ from: 'b', to: 'a' })]).toEqual([undefined, bytes(2)]);
  });

  test('sends copies', () => {
    const network = new SimulatedNetwork(new Chance(1));
    const sent = bytes(1);
    network.send('a', 'b', sent);
    sent[0] = 2;
    expect(network.receive(linkOf)).toEqual(bytes(1));
  });
});

test('the wall clock leaps, the steady one does not', () => {
  const clock = new SimulatedClock();
  const startMs = clock.wallMs;
  const rung: number[] = [];
  clock.steady.after(10, () => rung.push(clock.wallMs - startMs));
  clock.shiftWall(-1_000);
  clock.pass(9);
  expect(rung).toEqual([]);
  clock.shiftWall(5_000);
  clock.pass(1);
  expect(rung).toEqual([4_010]);
});

test('a plan has as many faults as its rates say, in the order in which they strike', () => {
  const plan = planFaults(resolveRates({ crash: 10, bitRot: 0.5 }), 100, new Chance(3));
  expect(plan.filter(({ kind }) => kind === 'crash').length).toBe(10);
  expect(plan.filter(({ kind }) => kind !== 'crash' && kind !== 'bitRot')).toEqual([]);
  const places = plan.map(({ afterOperations }) => afterOperations);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(planFaults(resolveRates('none'), 100, new Chance(3))).toEqual([]);
  expect(() => resolveRates({ cosmicRay: 1 } as never)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});

test('a list is cut down to what is needed, however it lies in it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 5 }), async (needed) => {
      const list = Array.from({ length: 61 }, (_, n) => n);
      const fails = (shorter: readonly number[]): Promise<boolean> =>
        Promise.resolve(needed.every((one) => shorter.includes(one)));
      expect((await shrinkList(list, fails, 1_000)).list).toEqual(needed.toSorted((a, b) => a - b));
    }),
    { numRuns: 100 },
  );
  const asked: number[] = [];
  await shrinkList([1, 2, 3, 4, 5, 6, 7, 8], (list) => Promise.resolve(asked.push(list.length) > 1_000), 5);
  expect(asked.length).toBe(5);
});
