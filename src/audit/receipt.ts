/**
 * Receipts: one text that shows an outsider what a host's log holds as entry `seq` of one tenant.
 * Everything that is said of it is made from the bytes that the proofs lead to; what the text itself says
 * is compared with that. Needs the text and the host's key, nothing else; never throws.
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { copyOfBytes, hexText, joinBytes, sameBytes, utf8Bytes, utf8Text } from './bytes.ts';
import { type Checkpoint, parseCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { quoted } from './plain-text.ts';
import { verifyInclusion } from './proof.ts';
import { formatReceipt, parseReceipt, type ReceiptParts } from './receipt-text.ts';
import { recordLines } from './record-text.ts';
import { type RecordView, viewRecord } from './record-view.ts';
import { leafHash } from './tree-hash.ts';
import { parseVerifierKey, type VerifierKey } from './verifier-key.ts';

/** What a receipt proves under a key. */
export interface ProvedReceipt {
  readonly ok: true;
  readonly tenant: string;
  /** Number of the step in the tenant's total order, from 1. */
  readonly seq: number;
  /** Entries in the tenant's log that the host signed. */
  readonly size: number;
  /** Recorded time of the step, ms since 1970, by the host's clock. */
  readonly timeMs: number;
  /** Name of the host: the origin of its log. */
  readonly host: string;
  /** The journal record, whose bytes (or whose HMAC, of an encrypted tenant) are the leaf. */
  readonly record: Uint8Array;
  /** Signed notes, to be kept: a later log can be held against them by a consistency proof. */
  readonly checkpoint: string;
  readonly hostCheckpoint: string;
  /** The entry in words: input, sender, outcome. */
  readonly words: readonly string[];
  /** What is proved, in words. */
  readonly says: readonly string[];
  /** What is not, in words. */
  readonly saysNot: readonly string[];
}

/** Why a text is not believed. */
export interface RefusedReceipt {
  readonly ok: false;
  /** One sentence. */
  readonly reason: string;
}

/** Longest receipt in bytes, of text given as bytes. */
const RECEIPT_MAX_BYTES: number = 128 << 20;

/**
 * Checks a receipt: its record is entry `seq` of the tenant's log, that log's checkpoint is an entry of the
 * host's log, both are signed by `key`, and the names in them are those of host and tenant. Says in words what
 * is proved and what is not. Synchronous; never throws. The format is drawn in docs/audit.md.
 *
 * @param receipt the text, or its bytes
 * @param key as for `verifyCheckpoint`; of a bare key the host's name is the one that hosts draw from their key
 * @example
 * const verdict = verifyReceipt(text, 'synapse-…+…+…');
 * console.log(verdict.ok ? verdict.says : verdict.reason);
 */
export function verifyReceipt(receipt: string | Uint8Array, key: string | Uint8Array): ProvedReceipt | RefusedReceipt {
  try {
    const text = typeof receipt === 'string' ? receipt : textOf(receipt);
    if (text === undefined) return refused('it is not text');
    const verifier = parseVerifierKey(key);
    if (verifier === undefined) return refused('the key to check it with is no Ed25519 verifier key');
    return check(text, verifier, key);
  } catch (error) {
    // Decoders of the record say it so; of anything else only the caller's own objects can be the source.
    return refused(error instanceof RangeError ? `its record cannot be read: ${error.message}` : 'it cannot be read');
  }
}

function check(text: string, verifier: VerifierKey, key: string | Uint8Array): ProvedReceipt | RefusedReceipt {
  const read = parseReceipt(text);
  if (read === undefined) return refused('it has not the form of a receipt of version 1');
  const { parts } = read;
  const checkpoint = parseCheckpoint(parts.tenantLog.checkpoint);
  const hostCheckpoint = parseCheckpoint(parts.hostLog.checkpoint);
  if (checkpoint === undefined || hostCheckpoint === undefined) return refused('a checkpoint in it is malformed');
  if (!verifyCheckpoint(hostCheckpoint, key)) return refused("the host's checkpoint is not signed by this key");
  if (!verifyCheckpoint(checkpoint, key)) return refused("the tenant's checkpoint is not signed by this key");
  const host = verifier.name ?? hostNameOf(verifier.publicKey);
  if (hostCheckpoint.origin !== host) return refused("the host's checkpoint is of a log of another name");
  const record = viewRecord(parts.record);
  const fault = faultOf(parts, record, checkpoint, hostCheckpoint);
  if (fault !== undefined) return refused(fault);
  const seq = parts.tenantLog.index + 1;
  const words = recordLines(record, { seq, size: checkpoint.size, outcome: parts.outcome });
  if (words.join('\n') !== read.words.join('\n'))
    return refused('its lines for people do not say what its record says');
  if (formatReceipt(parts, checkpoint.size) !== text) return refused('it is not written the one way a receipt is');
  return {
    ok: true,
    tenant: record.frame.target.tenant,
    seq,
    size: checkpoint.size,
    timeMs: record.timeMs,
    host,
    record: parts.record,
    checkpoint: parts.tenantLog.checkpoint,
    hostCheckpoint: parts.hostLog.checkpoint,
    words,
    ...sentences(parts, record, checkpoint, hostCheckpoint),
  };
}

/** The first thing about the proofs and names that does not hold. */
function faultOf(
  parts: ReceiptParts,
  record: RecordView,
  checkpoint: Checkpoint,
  hostCheckpoint: Checkpoint,
): string | undefined {
  const { tenantLog, hostLog, salt, outcome, blinding } = parts;
  const tenantBytes = utf8Bytes(record.frame.target.tenant);
  const bodyBytes = utf8Bytes(checkpoint.body);
  if (tenantBytes === undefined || bodyBytes === undefined) return 'a name in it is no text';
  if (checkpoint.origin !== `${hostCheckpoint.origin}/${hexText(sha256(joinBytes(salt, tenantBytes)))}`) {
    return 'the checkpoint is of the log of another tenant';
  }
  const leaf = blinding === undefined ? parts.record : hmac(sha256, blinding, parts.record);
  if (!isIncluded(leaf, tenantLog, checkpoint)) return "the record is not in the tenant's log at this place";
  if (!isIncluded(bodyBytes, hostLog, hostCheckpoint)) return "the tenant's checkpoint is not in the host's log";
  if (outcome !== undefined && !sameBytes(sha256(outcome), record.digest)) {
    return 'the outcome that it discloses is not the one that was recorded';
  }
  return undefined;
}

function isIncluded(leaf: Uint8Array, { index, hashes }: ReceiptParts['hostLog'], { size, root }: Checkpoint): boolean {
  return verifyInclusion({ leafHash: leafHash(leaf), index, size, proof: hashes, root });
}

function sentences(
  parts: ReceiptParts,
  record: RecordView,
  checkpoint: Checkpoint,
  hostCheckpoint: Checkpoint,
): Pick<ProvedReceipt, 'says' | 'saysNot'> {
  const tenant = quoted(record.frame.target.tenant);
  const seq = parts.tenantLog.index + 1;
  const says = [
    `Host ${hostCheckpoint.origin} signed a log of ${hostCheckpoint.size} tenants with root ${hexText(hostCheckpoint.root)}.`,
    `That log holds the log of tenant ${tenant}, of ${checkpoint.size} entries with root ${hexText(checkpoint.root)}, which the host signed too.`,
    `Entry ${seq} of that log is this input, with the time and the digest of its outcome as they are shown.`,
  ];
  if (parts.outcome !== undefined) says.push('The outcome that is shown is the one whose digest was recorded.');
  const saysNot = [
    'That the code which ran was right, or ran as it was published: for that, replay the entry with it.',
    "That the time is true: it is the host's own.",
    'That the host shows everybody this log: for that, compare checkpoints with others, or ask for a consistency proof.',
  ];
  if (parts.outcome === undefined) saysNot.push('What the outcome was: this receipt discloses its digest alone.');
  return { says, saysNot };
}

/** The name that a host draws from its key. */
function hostNameOf(publicKey: Uint8Array): string {
  return `synapse-${hexText(sha256(publicKey)).slice(0, 16)}`;
}

function textOf(receipt: unknown): string | undefined {
  const bytes = copyOfBytes(receipt, RECEIPT_MAX_BYTES);
  return bytes === undefined ? undefined : utf8Text(bytes);
}

function refused(reason: string): RefusedReceipt {
  return { ok: false, reason };
}
