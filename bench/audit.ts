/**
 * Question: what do a leaf and a proof of the audit log cost, and does a proof in a log of a million
 * entries come in under 5 ms at the 99th percentile without reading all leaves?
 *
 * Estimate before measuring: a leaf costs two hashes, about 1 µs, on top of its journal record; a proof reads two
 * runs of 256 leaf hashes and two tiles a level and hashes some 700 nodes, 0.5 to 1 ms.
 *
 *   npm run bench -- audit [--quick] [--json]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyConsistency, verifyInclusion } from 'synapse-actors/audit';
import { CompactRange, leafHash } from '../src/merkle/log.ts';
import { SeededRandom } from '../src/base/seeded.ts';
import type { KeyValue, Row } from '../src/store/key-value.ts';
import { openLmdb } from '../src/store/lmdb.ts';
import { Store, type StepRecord } from '../src/store/store.ts';

/** What was measured; times in µs, rates in entries a second. */
export interface AuditFigures {
  readonly entries: number;
  readonly hashedPerSecond: number;
  readonly committedPerSecond: number;
  readonly proofUs: { readonly p50: number; readonly p99: number; readonly most: number };
  readonly consistencyUs: { readonly p50: number; readonly p99: number; readonly most: number };
  /** Most rows that one proof read. */
  readonly rowsRead: number;
}

const COMMIT_STEPS = 2_000;
/** Bytes of a record: those of the counter's, with its frame. */
const BODY_BYTES = 220;

/** Passes everything on and counts the rows that are read. */
class CountingReader implements KeyValue {
  readonly #under: KeyValue;
  rows = 0;

  constructor(under: KeyValue) {
    this.#under = under;
  }
  commit(...args: Parameters<KeyValue['commit']>): void {
    this.#under.commit(...args);
  }
  get(key: Uint8Array): Uint8Array | undefined {
    this.rows += 1;
    return this.#under.get(key);
  }
  range(...args: Parameters<KeyValue['range']>): readonly Row[] {
    const rows = this.#under.range(...args);
    this.rows += rows.length;
    return rows;
  }
  reopen(): void {
    this.#under.reopen();
  }
  backup(...args: Parameters<KeyValue['backup']>): void {
    this.#under.backup(...args);
  }
  close(): void {
    this.#under.close();
  }
}

function bodyOf(seq: number): Uint8Array {
  const body = new Uint8Array(BODY_BYTES);
  new DataView(body.buffer).setFloat64(0, seq);
  return body;
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

function hashAll(entries: number): Uint8Array {
  const range = CompactRange.empty();
  for (let seq = 1; seq <= entries; seq++) range.append(leafHash(bodyOf(seq)));
  return range.root();
}

/** Measures on a store in a directory of its own, removed afterwards. Throws where a proof does not verify. */
export function runAudit(isQuick: boolean): AuditFigures {
  const entries = isQuick ? 5_000 : 1_000_000;
  const proofs = isQuick ? 50 : 5_000;
  const dir = mkdtempSync(join(tmpdir(), 'synapse-bench-'));
  const driver = new CountingReader(openLmdb(dir));
  const store = Store.open({ driver, shards: 1 });
  try {
    const hashStart = performance.now();
    const root = hashAll(entries);
    const fillStart = performance.now();
    fill(store, entries);
    const fillEnd = performance.now();
    const random = new SeededRandom(new Uint8Array(16).fill(1));
    const draw = (): number => 1 + Math.floor(random.random() * entries);
    let rowsRead = 0;
    const timed = (ask: () => boolean): { p50: number; p99: number; most: number } => {
      const times: number[] = [];
      for (let i = 0; i < proofs; i++) {
        driver.rows = 0;
        if (!ask()) throw new Error('a proof of the log does not verify');
        times.push(last);
        rowsRead = Math.max(rowsRead, driver.rows);
      }
      times.sort((a, b) => a - b);
      const at = (share: number): number => Math.round((times[Math.floor((times.length - 1) * share)] ?? 0) * 1e3);
      return { p50: at(0.5), p99: at(0.99), most: at(1) };
    };
    let last = 0;
    const measured = <T>(make: () => T): T => {
      const start = performance.now();
      const made = make();
      last = performance.now() - start;
      return made;
    };
    const proofUs = timed(() => {
      const seq = draw();
      const claim = measured(() => store.audit.inclusion('acme', seq));
      return verifyInclusion({ ...claim, root });
    });
    const consistencyUs = timed(() => {
      const from = draw();
      const claim = measured(() => store.audit.consistency('acme', from));
      return verifyConsistency({ ...claim, root2: root });
    });
    return {
      entries,
      hashedPerSecond: Math.round((entries * 1e3) / (fillStart - hashStart)),
      committedPerSecond: Math.round((entries * 1e3) / (fillEnd - fillStart)),
      proofUs,
      consistencyUs,
      rowsRead,
    };
  } finally {
    store.close();
    rmSync(dir, { recursive: true });
  }
}

function print(figures: AuditFigures, isJson: boolean): void {
  if (isJson) {
    process.stdout.write(`${JSON.stringify({ bench: 'audit', node: process.version, ...figures })}\n`);
    return;
  }
  const { entries, hashedPerSecond, committedPerSecond, proofUs, consistencyUs, rowsRead } = figures;
  process.stdout.write(`audit: ${cpus()[0]?.model ?? 'unknown processor'} × ${cpus().length}, Node ${process.version}
  log of ${entries.toLocaleString('en')} entries of ${BODY_BYTES} bytes, commits of ${COMMIT_STEPS}
  hashing alone                 ${hashedPerSecond.toLocaleString('en')} leaves/s
  journal and log, durable      ${committedPerSecond.toLocaleString('en')} leaves/s
  inclusion proof with record   p50 ${proofUs.p50} µs, p99 ${proofUs.p99} µs, most ${proofUs.most} µs
  consistency proof             p50 ${consistencyUs.p50} µs, p99 ${consistencyUs.p99} µs, most ${consistencyUs.most} µs
  rows read by a proof          at most ${rowsRead}
`);
}

if (import.meta.url === new URL(process.argv[1] ?? '', 'file:').href) {
  print(runAudit(process.argv.includes('--quick')), process.argv.includes('--json'));
}
