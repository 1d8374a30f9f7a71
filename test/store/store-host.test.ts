/** The store without its thread, towards its lanes: what is durable, and whom damage reaches. */
import { describe, expect, it } from 'vitest';
import {
  NO_REPLIES,
  decodeStoreAnswer,
  encodeStoreRequest,
  type SnapshotRequest,
  type StepRequest,
  type StoreAnswer,
} from '../../src/actor/store-port.ts';
import { packRows } from '../../src/actor/row-pack.ts';
import { shardOf } from '../../src/base/address.ts';
import { Frame, decodeError } from '../../src/frame/frame.ts';
import { encodeReply } from '../../src/frame/reply.ts';
import { MemoryKeyValue } from '../../src/store/memory.ts';
import { KIND } from '../../src/store/schema.ts';
import { StoreHost } from '../../src/store/store-host.ts';
import { FaultyDriver } from './faulty-driver.ts';
import { open, SHARDS } from './records.ts';

/** Enough rows that a snapshot has to read trie pages. */
const ROWS = 40;

class Bench {
  readonly driver = new FaultyDriver(new MemoryKeyValue());
  readonly store = open(this.driver);
  readonly host = new StoreHost(this.store, {
    toClient: (bytes) => void this.replies.push(bytes),
    onEvent: () => undefined,
  });
  readonly answers: StoreAnswer[] = [];
  readonly replies: Uint8Array[] = [];
  readonly urgencies: boolean[] = [];
  #position = 0;

  constructor() {
    this.host.attach(0, (bytes, isUrgent) => {
      this.answers.push(decodeStoreAnswer(bytes));
      this.urgencies.push(isUrgent);
    });
  }

  step(tenant: string, seq: number, replies: Uint8Array = NO_REPLIES): number {
    const shard = shardOf(tenant, SHARDS);
    const position = ++this.#position;
    const request: StepRequest = {
      kind: 'step',
      epoch: 0,
      position,
      shard,
      tenant,
      seq,
      body: Uint8Array.of(seq),
      replies,
      events: [],
    };
    this.host.receive(0, encodeStoreRequest(request));
    return position;
  }

  snapshot(tenant: string, seq: number): void {
    const changes = Array.from({ length: ROWS }, (_, n) => ({
      space: 'state' as const,
      group: `g${n}`,
      name: 'n',
      value: Uint8Array.of(n, seq),
    }));
    const request: SnapshotRequest = {
      kind: 'snapshot',
      epoch: 0,
      position: ++this.#position,
      shard: shardOf(tenant, SHARDS),
      tenant,
      seq,
      body: new Uint8Array(3),
      image: Uint8Array.of(seq),
      changes: packRows(changes),
      parts: 0,
    };
    this.host.receive(0, encodeStoreRequest(request));
  }

  /** Flips a bit in every trie page of every tenant so far. */
  damagePages(): void {
    for (const [key, value] of this.driver.range(Uint8Array.of(KIND.page), Uint8Array.of(KIND.page + 1))) {
      const damaged = value.slice();
      damaged[0] = (damaged[0] ?? 0) ^ 1;
      this.driver.commit([[key, damaged]]);
    }
  }

  /** Kinds of the answers since the last call. */
  kinds(): string[] {
    return this.answers.splice(0).map(({ kind }) => kind);
  }
}

/** Frames of replies to these messages. */
const repliesTo = (...ids: readonly number[]): Uint8Array[] =>
  ids.map((messageId) =>
    encodeReply({ messageId, incarnation: 7, ok: true, timeMs: 1 }, new Uint8Array(messageId)).slice(),
  );

describe('replies that came with their steps', () => {
  it('leave when the step is durable and not before, each as one frame, ahead of what the lanes are told', () => {
    const bench = new Bench();
    const [one, two, three] = repliesTo(1, 2, 3);
    bench.step('left', 1, one);
    bench.step('left', 2);
    bench.step('right', 1, Buffer.concat([two as Uint8Array, three as Uint8Array]));
    expect(bench.replies).toEqual([]);
    bench.host.flush();
    expect(bench.replies.map((bytes) => new Frame(bytes).correlation)).toEqual([1, 2, 3]);
    expect(bench.replies.map((bytes) => new Frame(bytes).payload.length)).toEqual([1, 2, 3]);
    expect(bench.host.durableCount).toBe(3);
  });

  it('never leave when the commit failed, nor for a tenant that was left out of it', () => {
    const bench = new Bench();
    bench.step('left', 1);
    bench.snapshot('left', 2);
    bench.host.flush();
    bench.damagePages();
    bench.step('left', 3, repliesTo(1)[0]);
    bench.snapshot('left', 4);
    bench.step('right', 1, repliesTo(2)[0]);
    bench.host.flush();
    expect(bench.replies.map((bytes) => new Frame(bytes).correlation)).toEqual([2]);
    bench.driver.fill();
    bench.step('right', 2, repliesTo(3)[0]);
    bench.host.flush();
    bench.driver.heal();
    bench.host.recover();
    bench.host.flush();
    expect(bench.replies).toHaveLength(1);
  });

  it('do not wake the lane: that a step is durable is not urgent, all else is', () => {
    const bench = new Bench();
    bench.step('left', 1, repliesTo(1)[0]);
    bench.host.flush();
    bench.snapshot('left', 2);
    bench.host.flush();
    expect(bench.kinds()).toEqual(['durable', 'durable', 'stored']);
    expect(bench.urgencies).toEqual([false, false, true]);
  });
});

describe('damage in one tenant, found while a commit is made', () => {
  it('leaves that tenant out, and others go on, though more steps of it are on their way', () => {
    const bench = new Bench();
    bench.step('left', 1);
    bench.snapshot('left', 2);
    bench.host.flush();
    expect(bench.kinds()).toEqual(['durable', 'stored']);
    bench.damagePages();

    bench.step('left', 3);
    bench.snapshot('left', 4);
    const right = bench.step('right', 1);
    bench.host.flush();
    const [corrupt, durable] = bench.answers.splice(0);
    if (corrupt?.kind !== 'refused' || durable?.kind !== 'durable')
      throw new Error('expected the damage, then what is durable');
    expect([corrupt.tenant, decodeError(corrupt.error).code]).toEqual(['left', 'STORE_CORRUPT']);
    expect(durable.position).toBe(right);

    // The lane had sent this before it heard of the damage.
    bench.step('left', 5);
    const next = bench.step('right', 2);
    bench.host.flush();
    expect(bench.answers.splice(0)).toEqual([{ kind: 'durable', position: next }]);
    expect(bench.host.isDown).toBe(false);

    // What is on disk of it is what was durable before.
    bench.host.receive(0, encodeStoreRequest({ kind: 'open', epoch: 0, tenant: 'left' }));
    const records = bench.answers.find(({ kind }) => kind === 'records');
    expect(records).toMatchObject({ bodies: [], isLast: true });
  });
});

describe('a failed commit', () => {
  it('leaves what a lane asked before it heard of it unanswered, and answers what it asks afterwards once', () => {
    const bench = new Bench();
    bench.step('left', 1);
    bench.host.flush();
    bench.driver.fill();
    bench.step('left', 2);
    bench.host.flush();
    bench.driver.heal();
    expect(bench.host.recover()).toBe(true);
    expect(bench.kinds()).toEqual(['durable', 'failed', 'available']);

    for (const epoch of [0, 1]) {
      bench.host.receive(0, encodeStoreRequest({ kind: 'list', epoch, shards: [shardOf('left', SHARDS)] }));
      bench.host.receive(0, encodeStoreRequest({ kind: 'open', epoch, tenant: 'left' }));
      bench.host.receive(0, encodeStoreRequest({ kind: 'load', epoch, tenant: 'left', group: 'g', actorId: 'a' }));
      expect(bench.kinds()).toEqual(epoch === 0 ? [] : ['list', 'domain', 'records', 'rows']);
    }
  });

  it('learns at its next look that a chore of the host failed the store, and comes back', () => {
    const bench = new Bench();
    for (const seq of [1, 2, 3]) bench.step('left', seq);
    bench.host.flush();
    bench.snapshot('left', 4);
    bench.host.flush();
    bench.kinds();
    bench.driver.fill();
    expect(() => bench.store.trim({ keepSteps: 0 })).toThrow(/injected fault/);
    expect(bench.host.work()).toBe(true);
    expect(bench.host.isDown).toBe(true);
    expect(bench.host.isBusy).toBe(false);
    expect(bench.kinds()).toEqual(['failed']);
    bench.driver.heal();
    expect(bench.host.recover()).toBe(true);
    expect(bench.host.work()).toBe(false);
    expect(bench.kinds()).toEqual(['available']);
  });
});
