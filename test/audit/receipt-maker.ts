/** Receipts over keys and logs of a test's own: several tenants, any records, blinded leaves, any salt. */
import { createHash, createHmac } from 'node:crypto';
import { formatReceipt, type ReceiptParts } from '../../src/audit/receipt-text.ts';
import { encodeRecord, type StepBody } from '../../src/actor/record.ts';
import { encodeArguments } from '../../src/frame/codec.ts';
import { encodeFrame, FRAME_KIND, type FrameFields } from '../../src/frame/frame.ts';
import { NaiveTree, naiveLeaf } from './naive-tree.ts';
import { bodyOf, type NoteKey, signedNote } from './note.ts';

/** A record of a call, with what a test wants otherwise. */
export function callRecord(
  tenant: string,
  frame: Partial<FrameFields> = {},
  body: Partial<StepBody> = {},
): Uint8Array<ArrayBuffer> {
  const call: FrameFields = {
    kind: FRAME_KIND.call,
    shard: 3,
    messageId: 7,
    timeMs: 1_700_000_000_000,
    target: { tenant, type: 'account', key: 'alice' },
    handler: 'deposit',
    payload: encodeArguments([10]),
    ...frame,
  };
  const record: StepBody = {
    configId: 1,
    nowMs: 1_700_000_000_123,
    seed: new Uint8Array(16).fill(5),
    digest: new Uint8Array(32).fill(6),
    decisions: [],
    acks: [],
    frame: encodeFrame(call),
    ...body,
  };
  return new Uint8Array(encodeRecord(record));
}

export interface Log {
  readonly tenant: string;
  readonly records: readonly Uint8Array[];
  /** Keys that blind the leaves; none: the leaves are the records. */
  readonly blinding?: Uint8Array;
}

const saltOf = (tenant: string): Uint8Array =>
  new Uint8Array(createHash('sha256').update(`salt ${tenant}`).digest().subarray(0, 16));

/** A host with the logs of some tenants, all signed by one key. */
export class SampleHost {
  readonly key: NoteKey;
  readonly #logs: readonly Log[];

  constructor(key: NoteKey, logs: readonly Log[]) {
    this.key = key;
    this.#logs = logs;
  }

  /** The parts of an honest receipt. */
  parts(tenant: string, seq: number): ReceiptParts {
    const log = this.#logs.find((one) => one.tenant === tenant) as Log;
    const bodies = this.#logs.map((one) => Buffer.from(this.#body(one))).toSorted((a, b) => Buffer.compare(a, b));
    const body = this.#body(log);
    const index = bodies.findIndex((one) => one.toString() === body);
    const host = new NaiveTree(bodies.map(naiveLeaf));
    return {
      record: log.records[seq - 1] as Uint8Array,
      outcome: undefined,
      blinding: log.blinding,
      salt: saltOf(tenant),
      tenantLog: {
        index: seq - 1,
        hashes: treeOf(log).path(seq - 1, log.records.length),
        checkpoint: signedNote(body, this.key),
      },
      hostLog: {
        index,
        hashes: host.path(index, bodies.length),
        checkpoint: signedNote(bodyOf(this.key.name, bodies.length, host.root(bodies.length)), this.key),
      },
    };
  }

  receipt(tenant: string, seq: number, other: Partial<ReceiptParts> = {}): string {
    const log = this.#logs.find((one) => one.tenant === tenant) as Log;
    return formatReceipt({ ...this.parts(tenant, seq), ...other }, log.records.length);
  }

  #body(log: Log): string {
    const origin = createHash('sha256').update(saltOf(log.tenant)).update(log.tenant).digest('hex');
    return bodyOf(`${this.key.name}/${origin}`, log.records.length, treeOf(log).root(log.records.length));
  }
}

function treeOf({ records, blinding }: Log): NaiveTree {
  const leafOf = (record: Uint8Array): Uint8Array =>
    blinding === undefined ? record : createHmac('sha256', blinding).update(record).digest();
  return new NaiveTree(records.map((record) => naiveLeaf(leafOf(record))));
}
