/** Erasing through the store host: what lanes are told, also when the disk fails in the middle of it. */
import { expect, test } from 'vitest';
import {
  NO_REPLIES,
  decodeStoreAnswer,
  encodeStoreRequest,
  type StoreAnswer,
  type StoreRead,
} from '../../src/actor/store-port.ts';
import { shardOf } from '../../src/base/address.ts';
import { decodeError } from '../../src/frame/frame.ts';
import { KeyRing } from '../../src/store/key-ring.ts';
import { StoreHost } from '../../src/store/store-host.ts';
import { Fuse, FusedDriver, FusedSlots } from './power-cut.ts';
import { open, SHARDS } from './records.ts';

class Bench {
  readonly fuse = new Fuse();
  readonly store = open(new FusedDriver(this.fuse), SHARDS, new KeyRing(new FusedSlots(this.fuse)));
  readonly host = new StoreHost(this.store, { toClient: () => undefined, onEvent: () => undefined });
  readonly answers: StoreAnswer[][] = [[], []];
  #position = 0;

  constructor() {
    for (const [lane, answers] of this.answers.entries())
      this.host.attach(lane, (bytes) => void answers.push(decodeStoreAnswer(bytes)));
  }

  step(tenant: string, seq: number, epoch = 0): void {
    const body = Uint8Array.of(seq);
    const position = ++this.#position;
    const shard = shardOf(tenant, SHARDS);
    const request = {
      kind: 'step',
      epoch,
      position,
      shard,
      tenant,
      seq,
      body,
      replies: NO_REPLIES,
      events: [],
    } as const;
    this.host.receive(0, encodeStoreRequest(request));
  }

  erase(tenant: string): void {
    for (const slice of this.host.erasing(tenant)) void slice;
  }

  ask(read: StoreRead): void {
    this.host.receive(0, encodeStoreRequest({ ...read, epoch: 0 }));
  }

  /** Answers to a lane since the last look, in short; of a refusal, whose and why. */
  told(lane: number): string[] {
    const all = (this.answers[lane] as StoreAnswer[]).splice(0);
    return all.map((answer) => {
      const error = 'error' in answer ? answer.error : undefined;
      const code = error === undefined ? '' : ` ${decodeError(error).code}`;
      return `${answer.kind}${'tenant' in answer ? ` ${answer.tenant}` : ''}${code}`;
    });
  }
}

test('what was sent before is acknowledged first, then every lane hears of the erasure, and later steps change nothing', () => {
  const bench = new Bench();
  bench.step('gone', 1);
  bench.step('stays', 1);
  bench.erase('gone');
  expect(bench.told(0)).toEqual(['durable', 'refused gone INVALID_ADDRESS']);
  expect(bench.told(1)).toEqual(['refused gone INVALID_ADDRESS']);
  bench.step('gone', 2);
  bench.step('stays', 2);
  bench.host.flush();
  expect(bench.told(0)).toEqual(['refused gone INVALID_ADDRESS', 'durable']);
  bench.ask({ kind: 'open', tenant: 'gone' });
  bench.ask({ kind: 'load', tenant: 'gone', group: 'g', actorId: 'a' });
  bench.ask({ kind: 'roots', id: 1, tenant: 'gone', seq: 1, image: new Uint8Array(0), changes: new Uint8Array(0) });
  bench.ask({ kind: 'list', shards: Array.from({ length: SHARDS }, (_, shard) => shard) });
  expect(bench.told(0)).toEqual([
    'domain gone INVALID_ADDRESS',
    'records gone INVALID_ADDRESS',
    'rows gone INVALID_ADDRESS',
    'roots INVALID_ADDRESS',
    'list',
  ]);
  expect(bench.host.isDown).toBe(false);
});

test('a disk that fails in the middle is an outage: the erasure is finished when it is over, and lanes are told then', () => {
  for (const at of [2, 3]) {
    const bench = new Bench();
    bench.step('gone', 1);
    bench.step('stays', 1);
    bench.host.flush();
    bench.told(0);
    bench.fuse.left = at; // 1 marks the tenant's row, 2 overwrites its key, 3 marks the row again
    expect(() => bench.erase('gone')).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
    const isGone = at === 3; // the content is: lanes hear of it at once
    expect(bench.told(0)).toEqual(isGone ? ['refused gone INVALID_ADDRESS', 'failed'] : ['failed']);
    expect(() => bench.erase('stays')).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
    expect(bench.host.recover()).toBe(false);
    bench.fuse.left = Number.POSITIVE_INFINITY;
    expect(bench.host.recover()).toBe(true);
    expect(bench.told(0)).toEqual(isGone ? ['available'] : ['refused gone INVALID_ADDRESS', 'available']);
    expect([bench.store.isErased('gone'), bench.store.isErased('stays')]).toEqual([true, false]);
    bench.step('stays', 2, 1);
    bench.host.flush();
    expect(bench.told(0)).toEqual(['durable']);
  }
});

test('a refusal is no outage: an unknown tenant, and one that was never begun', () => {
  const bench = new Bench();
  bench.step('stays', 1);
  expect(() => bench.erase('nobody')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  expect(bench.host.isDown).toBe(false);
  expect(bench.told(0)).toEqual(['durable']);
});
