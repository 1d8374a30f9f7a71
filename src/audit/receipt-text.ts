/**
 * The text form of a receipt, version 1: written and read here, checked in receipt.ts.
 *
 * ```
 *   synapse-receipt@v1
 *
 *   | tenant     "acme"                    for people; made from the record, and compared with it
 *   | …
 *
 *   --- record ---                         the journal record, base64, 76 characters a line
 *   --- outcome ---                        optional: what the record's digest is the hash of
 *   --- blinding ---                       optional: the key under which the leaf is HMAC-SHA256(key, record)
 *   --- tenant salt ---                    16 bytes; the tenant's origin is <host>/<hex of sha256(salt ‖ tenant)>
 *   --- tenant log ---                     c2sp.org/tlog-proof@v1: entry seq - 1, proof, checkpoint
 *   --- host log ---                       c2sp.org/tlog-proof@v1: that checkpoint's body in the host's log
 *   --- end ---
 * ```
 * One receipt has one text: whatever differs from what the writer would write is no receipt.
 */
import { base64Bytes, base64Text } from './bytes.ts';
import { recordLines } from './record-text.ts';
import { viewRecord } from './record-view.ts';
import { TREE_HASH_BYTES } from './tree-hash.ts';

/** First line of every receipt of this version. */
const RECEIPT_HEAD = 'synapse-receipt@v1';
const PROOF_HEAD = 'c2sp.org/tlog-proof@v1';
/** Fits a mail. */
const LINE_LENGTH = 76;
/** Bytes of a tenant's salt and of a blinding key. */
const SALT_BYTES = 16;
const BLINDING_BYTES = 32;
/** Twice the largest record, in base64, and room for everything else: far above what `synapse prove` writes. */
const RECEIPT_MAX_LENGTH: number = 64 << 20;
/** No proof of a safe integer's tree is longer. */
const PROOF_MAX_LENGTH = 53;

/** One inclusion proof and the signed note that holds its root. */
export interface ReceiptProof {
  /** From 0. */
  readonly index: number;
  /** Of 32 bytes each, the leaf's sibling first. */
  readonly hashes: readonly Uint8Array[];
  /** Signed note. */
  readonly checkpoint: string;
}

/** Everything that a receipt holds. */
export interface ReceiptParts {
  readonly record: Uint8Array;
  readonly outcome: Uint8Array | undefined;
  readonly blinding: Uint8Array | undefined;
  readonly salt: Uint8Array;
  readonly tenantLog: ReceiptProof;
  readonly hostLog: ReceiptProof;
}

/**
 * The text of a receipt. Throws `RangeError` for a record, or an outcome, that cannot be put into words.
 *
 * @param size entries in the tenant's checkpoint
 */
export function formatReceipt(parts: ReceiptParts, size: number): string {
  const { record, outcome, blinding, salt, tenantLog, hostLog } = parts;
  const words = recordLines(viewRecord(record), { seq: tenantLog.index + 1, size, outcome });
  return [
    RECEIPT_HEAD,
    '',
    ...words.map((line) => `| ${line}`),
    '',
    ...section('record', record),
    ...section('outcome', outcome),
    ...section('blinding', blinding),
    ...section('tenant salt', salt),
    '--- tenant log ---',
    proofText(tenantLog),
    '--- host log ---',
    proofText(hostLog),
    '--- end ---',
    '',
  ].join('\n');
}

function section(name: string, bytes: Uint8Array | undefined): string[] {
  if (bytes === undefined) return [];
  return [`--- ${name} ---`, ...(base64Text(bytes).match(new RegExp(`.{1,${LINE_LENGTH}}`, 'g')) ?? [])];
}

/** Without the newline at the end. */
function proofText({ index, hashes, checkpoint }: ReceiptProof): string {
  return [PROOF_HEAD, `index ${index}`, ...hashes.map(base64Text), '', checkpoint.replace(/\n$/, '')].join('\n');
}

/** The parts of a receipt's text, and its lines for people, none of it checked; nothing for what has not this form. */
export function parseReceipt(text: string): { readonly parts: ReceiptParts; readonly words: string[] } | undefined {
  if (text.length > RECEIPT_MAX_LENGTH || !text.endsWith('\n--- end ---\n')) return undefined;
  const lines = text.split('\n');
  const recordAt = lines.indexOf('--- record ---');
  if (lines[0] !== RECEIPT_HEAD || lines[1] !== '' || recordAt < 3 || lines[recordAt - 1] !== '') return undefined;
  const words = lines.slice(2, recordAt - 1);
  if (!words.every((line) => line.startsWith('| '))) return undefined;
  const sections = sectionsOf(lines.slice(recordAt));
  const record = bytesOf(sections.get('record'));
  const salt = bytesOf(sections.get('tenant salt'));
  const tenantLog = parseProof(sections.get('tenant log'));
  const hostLog = parseProof(sections.get('host log'));
  if (record === undefined || salt === undefined || tenantLog === undefined || hostLog === undefined) return undefined;
  const outcome = bytesOf(sections.get('outcome'));
  const blinding = bytesOf(sections.get('blinding'));
  if (salt.length !== SALT_BYTES || (blinding !== undefined && blinding.length !== BLINDING_BYTES)) return undefined;
  if ((outcome === undefined && sections.has('outcome')) || (blinding === undefined && sections.has('blinding'))) {
    return undefined;
  }
  return {
    parts: { record, outcome, blinding, salt, tenantLog, hostLog },
    words: words.map((line) => line.slice(2)),
  };
}

/** Lines by the mark before them. Which marks there are, and in what order, is seen when the receipt is written again. */
function sectionsOf(lines: readonly string[]): Map<string, string[]> {
  const sections = new Map<string, string[]>();
  let open: string[] = [];
  for (const line of lines) {
    const mark = /^--- ([a-z ]+) ---$/.exec(line)?.[1];
    if (mark === undefined) open.push(line);
    else sections.set(mark, (open = []));
  }
  return sections;
}

function bytesOf(lines: readonly string[] | undefined): Uint8Array | undefined {
  return lines === undefined ? undefined : base64Bytes(lines.join(''));
}

function parseProof(lines: readonly string[] | undefined): ReceiptProof | undefined {
  const gap = lines?.indexOf('') ?? -1;
  if (lines === undefined || gap < 2 || gap > 2 + PROOF_MAX_LENGTH || lines[0] !== PROOF_HEAD) return undefined;
  const index = Number(/^index (0|[1-9][0-9]{0,15})$/.exec(lines[1] as string)?.[1] ?? 'none');
  if (!Number.isSafeInteger(index)) return undefined;
  const hashes: Uint8Array[] = [];
  for (const line of lines.slice(2, gap)) {
    const hash = base64Bytes(line);
    if (hash?.length !== TREE_HASH_BYTES) return undefined;
    hashes.push(hash);
  }
  return { index, hashes, checkpoint: `${lines.slice(gap + 1).join('\n')}\n` };
}
