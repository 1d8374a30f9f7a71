/**
 * Question: what does the audit log cost: leaves hashed a second, beside `@noble/hashes` and `crypto.hash` alone; the share
 * of a durable command's processor time that is its hashing; and does a proof in a log of a million entries come in
 * under 5 ms at the 99th percentile without reading all leaves?
 *
 * Estimate before measuring: a leaf costs two hashes, about 1 µs, on top of its journal record, 10 to 15 % of a
 * command; noble takes 3 to 4 µs for the two; a proof reads two runs of 256 leaf hashes and two tiles a level and
 * hashes some 700 nodes, 0.5 to 1 ms.
 *
 *   npm run bench -- audit [--quick] [--json]
 */
import * as crypto from 'node:crypto';
import { sha256 as noble } from '@noble/hashes/sha2.js';
import { createSystem } from 'synapse-actors';
import { counter } from 'synapse-actors/actors/counter';
import { verifyConsistency, verifyInclusion } from 'synapse-actors/audit';
import { HASH_BYTES } from '../src/base/hash.ts';
import { SeededRandom } from '../src/base/seeded.ts';
import { CompactRange, leafHashInto } from '../src/merkle/log.ts';
import type { RangeOptions, Row } from '../src/store/key-value.ts';
import { MemoryKeyValue } from '../src/store/memory.ts';
import { openLmdb } from '../src/store/lmdb.ts';
import { Store, type StepRecord } from '../src/store/store.ts';
import type { Arm, Bench, Measure } from './rig/bench.ts';
import { check, keepInFlight, quantileOf, timed } from './rig/load.ts';
import { withScratch } from './rig/machine.ts';
import { main } from './rig/main.ts';

interface Parameters {
  readonly entries: number;
  readonly proofs: number;
  /** Of the durable run whose processor time the hashing is a share of: as in the bench `durable`. */
  readonly commands: number;
  readonly tenants: number;
  readonly inFlight: number;
  readonly lanes: number;
}

const HASHED = 'leaves hashed into a log';
const PROOFS = 'proofs';
const SHARE = 'share';

const COMMIT_STEPS = 2_000;
/** Bytes of a record: those of the counter's, with its frame. */
const BODY_BYTES = 220;
/** Index rows are read 64 at a time at the most, for two runs of leaves, and tiles: a proof that reads more reads too much. */
const PROOF_ROWS_MAX = 320;

function bodyOf(seq: number): Uint8Array {
  const body = new Uint8Array(BODY_BYTES);
  new DataView(body.buffer).setFloat64(0, seq);
  return body;
}

/** As the store does it: the leaf where its record stands, its hash where the index keeps it. */
function hashAll(entries: number): Uint8Array {
  const range = CompactRange.empty();
  const prefixed = new Uint8Array(1 + BODY_BYTES);
  const body = new DataView(prefixed.buffer, 1);
  const leaf = new Uint8Array(HASH_BYTES);
  for (let seq = 1; seq <= entries; seq++) {
    body.setFloat64(0, seq);
    leafHashInto(prefixed, leaf, 0);
    range.append(leaf);
  }
  return range.root();
}

function fill(store: Store, entries: number): void {
  for (let seq = 1; seq <= entries; seq += COMMIT_STEPS) {
    const count = Math.min(COMMIT_STEPS, entries - seq + 1);
    const steps: StepRecord[] = [];
    for (let i = 0; i < count; i++)
      steps.push({ shard: 0, tenant: 'acme', seq: seq + i, body: bodyOf(seq + i), events: [] });
    store.commit(steps, []);
  }
}

/** Counts the rows that a store in memory reads: what is read does not depend on the disk. */
class CountingReader extends MemoryKeyValue {
  rows = 0;

  override get(key: Uint8Array): Uint8Array | undefined {
    this.rows += 1;
    return super.get(key);
  }
  override range(from: Uint8Array, to: Uint8Array, options?: RangeOptions): readonly Row[] {
    const rows = super.range(from, to, options);
    this.rows += rows.length;
    return rows;
  }
}

/** Most rows that a proof reads, in a log as long as a trial's. */
function rowsRead(entries: number, draws: readonly number[]): number {
  const driver = new CountingReader();
  const store = Store.open({ driver, shards: 1 });
  fill(store, entries);
  let most = 0;
  for (const seq of draws) {
    driver.rows = 0;
    store.audit.inclusion('acme', seq);
    most = Math.max(most, driver.rows);
  }
  store.close();
  if (most > PROOF_ROWS_MAX) throw new Error(`a proof read ${most} rows, at most ${PROOF_ROWS_MAX} should do`);
  return most;
}

function proveOnDisk({ entries, proofs }: Parameters): Promise<readonly Measure[]> {
  return withScratch(async (dir) => {
    const root = hashAll(entries);
    const store = Store.open({ driver: openLmdb(dir), shards: 1 });
    const { seconds } = await timed(() => fill(store, entries));
    const random = new SeededRandom(new Uint8Array(16).fill(1));
    const draws = Array.from({ length: proofs }, () => 1 + Math.floor(random.random() * entries));
    const times = async (name: string, prove: (seq: number) => () => boolean): Promise<readonly Measure[]> => {
      const took = new Float64Array(proofs);
      for (const [at, seq] of draws.entries()) {
        const { seconds: proofSeconds, given: isTrue } = await timed(() => prove(seq));
        took[at] = proofSeconds * 1e3;
        check(`${name} of entry ${seq}`, isTrue(), true);
      }
      const total = took.reduce((sum, ms) => sum + ms, 0);
      return [
        { row: `${name}s`, unit: 'proofs/s', value: (proofs * 1e3) / total },
        { row: `${name}: p50`, unit: 'ms', value: quantileOf(took, 0.5) },
        { row: `${name}: p99`, unit: 'ms', value: quantileOf(took, 0.99) },
      ];
    };
    const inclusion = await times('inclusion proof', (seq) => {
      const claim = store.audit.inclusion('acme', seq);
      return () => verifyInclusion({ ...claim, root });
    });
    const consistency = await times('consistency proof', (seq) => {
      const claim = store.audit.consistency('acme', seq);
      return () => verifyConsistency({ ...claim, root2: root });
    });
    store.close();
    const fewDraws = draws.slice(0, 100).map((seq) => 1 + (seq % Math.min(entries, 100_000)));
    return [
      { row: 'journal and log, one tenant', unit: 'leaves/s', value: entries / seconds },
      ...inclusion,
      ...consistency,
      { row: 'rows read by a proof, at most', unit: 'rows', value: rowsRead(Math.min(entries, 100_000), fewDraws) },
    ];
  });
}

/** Processor time of hashing by that of a whole command, all threads of the process counted. */
function shareOfDurable({ entries, commands, tenants, inFlight, lanes }: Parameters): Promise<readonly Measure[]> {
  return withScratch(async (dataDir) => {
    hashAll(Math.ceil(entries / 10));
    const { seconds } = await timed(() => hashAll(entries));
    const leafUs = (seconds * 1e6) / entries;
    const system = await createSystem({ actors: new URL('../actors/counter.js', import.meta.url), dataDir, lanes });
    const refs = Array.from({ length: tenants }, (_, at) => system.ref(counter, `tenant-${at}`, 'one'));
    const call = (at: number): Promise<number> => refs[at % tenants]!.increment();
    const warmUp = Math.ceil(commands / 5);
    await keepInFlight(warmUp, inFlight, call);
    const before = process.cpuUsage();
    await keepInFlight(commands, inFlight, call);
    const { user, system: kernel } = process.cpuUsage(before);
    const total = await keepInFlight(tenants, inFlight, (at) => refs[at]!.count());
    check('commands counted', total, warmUp + commands);
    await system.close();
    const commandUs = (user + kernel) / commands;
    return [
      { row: 'hashing of a leaf', unit: 'µs', value: leafUs },
      { row: 'processor time of a durable command', unit: 'µs', value: commandUs },
      { row: 'hashing by processor time of a durable command', unit: '%', value: (100 * leafUs) / commandUs },
    ];
  });
}

/** An RFC 6962 log of leaves and nodes with another hash: two hashes an entry, as the product has. */
function logArm(name: string, hash: (bytes: Uint8Array) => Uint8Array): Arm<Parameters> {
  return {
    name,
    keeps: 'volatile; hashing only',
    without: [PROOFS, SHARE],
    run: async ({ entries }) => {
      let root = hashPeaks(Math.ceil(entries / 10), hash);
      const { seconds } = await timed(() => (root = hashPeaks(entries, hash)));
      check('root of the log', Buffer.from(root).toString('hex'), Buffer.from(hashAll(entries)).toString('hex'));
      return [{ row: HASHED, unit: 'leaves/s', value: entries / seconds }];
    },
  };
}

/** The root of the log of `entries` bodies, by keeping the roots of complete subtrees. */
function hashPeaks(entries: number, hash: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  const leaf = new Uint8Array(1 + BODY_BYTES);
  const body = new DataView(leaf.buffer, 1);
  const node = new Uint8Array(65).fill(1, 0, 1);
  const join = (left: Uint8Array, right: Uint8Array): Uint8Array => {
    node.set(left, 1);
    node.set(right, 33);
    return hash(node);
  };
  const peaks: Uint8Array[] = [];
  for (let seq = 1; seq <= entries; seq++) {
    body.setFloat64(0, seq);
    let root = hash(leaf);
    for (let size = seq; size % 2 === 0; size /= 2) root = join(peaks.pop()!, root);
    peaks.push(root);
  }
  return peaks.reduceRight((right, left) => join(left, right));
}

const synapse: Arm<Parameters> = {
  name: 'synapse',
  keeps: 'proofs on disk; hashing in memory',
  run: async (parameters, part) => {
    if (part === PROOFS) return proveOnDisk(parameters);
    if (part === SHARE) return shareOfDurable(parameters);
    hashAll(Math.ceil(parameters.entries / 10));
    const { seconds } = await timed(() => hashAll(parameters.entries));
    return [{ row: HASHED, unit: 'leaves/s', value: parameters.entries / seconds }];
  },
};

/** One-shot hashing is younger than the oldest Node 20. */
function oneShot(bytes: Uint8Array): Uint8Array {
  return Buffer.from(crypto.hash('sha256', bytes, 'latin1' as 'hex'), 'latin1');
}

const bench: Bench<Parameters> = {
  name: 'audit',
  question: 'what does the audit log cost a leaf, a proof and a durable command?',
  estimate: 'two hashes a leaf, about 1 µs, 10 to 15 % of a command; noble 3 to 4 µs; a proof 0.5 to 1 ms',
  full: { entries: 1_000_000, proofs: 5_000, commands: 500_000, tenants: 64, inFlight: 4_096, lanes: 2 },
  quick: { entries: 5_000, proofs: 50, commands: 500, tenants: 8, inFlight: 64, lanes: 2 },
  parts: () => [HASHED, PROOFS, SHARE],
  arms: [synapse, logArm('noble alone', noble), logArm('crypto.hash alone', oneShot)],
  aims: [
    { row: 'hashing by processor time of a durable command', arm: 'synapse', atMost: 35 },
    { row: 'inclusion proof: p99', arm: 'synapse', atMost: 5 },
  ],
};

await main(import.meta.url, bench);
