/**
 * Frames that hold only until the next one is made: for who hands them on at once. They take the same memory in turn,
 * and where the next one goes from the same actor to the same handler, as most do, its names stand there already.
 */
import type { Address } from '../base/address.ts';
import { type FrameFields, encodeFrame } from './frame.ts';
import * as at from './header.ts';
import { copyInto } from './slab.ts';

/** Memory at the beginning, and the most that is kept from one frame to the next. */
const FIRST_BYTES = 1_024;
const KEPT_BYTES: number = 256 * 1024;

/** Views of the memory that are kept for use again, by their length. */
const VIEWS_MAX = 512;

const NO_BYTES = new Uint8Array(0);

let memory = new Uint8Array(FIRST_BYTES);
let views: (Uint8Array | undefined)[] = [];

/** What a frame begins with, but for its numbers. */
interface Head {
  readonly source: Address | undefined;
  readonly target: Address;
  readonly handler: string;
  readonly extension: Uint8Array | undefined;
}

/** The head that stands in the memory. */
let last: Head | undefined;
let headBytes = 0;
let extensionBytes = 0;
const nameSizes = new Uint32Array(at.NAME_COUNT);

/**
 * The bytes of {@link encodeFrame}, until the next frame is lent. An extension that was given before must not have
 * changed since.
 *
 * @throws SynapseError as {@link encodeFrame}
 */
export function lendFrame(fields: FrameFields): Uint8Array {
  if (last === undefined || !hasHead(fields, last)) writeHead(fields);
  const { payload } = fields;
  const size = headBytes + payload.length;
  if (size > at.FRAME_MAX_BYTES) throw at.tooLarge(size);
  if (size > KEPT_BYTES) return encodeFrame(fields);
  if (size > memory.length) grow(size);
  copyInto(memory, headBytes, payload);
  const bytes = size < VIEWS_MAX ? (views[size] ??= memory.subarray(0, size)) : memory.subarray(0, size);
  at.writeHeader(bytes, fields, nameSizes, extensionBytes, payload.length);
  return bytes;
}

function hasHead(a: FrameFields, b: Head): boolean {
  return (
    (a.handler ?? '') === b.handler &&
    a.extension === b.extension &&
    a.target.key === b.target.key &&
    a.target.type === b.target.type &&
    a.target.tenant === b.target.tenant &&
    a.source?.key === b.source?.key &&
    a.source?.type === b.source?.type &&
    a.source?.tenant === b.source?.tenant
  );
}

function writeHead(fields: FrameFields): void {
  const { kind, shard, source, target, handler = '', extension = NO_BYTES } = fields;
  last = undefined;
  const head = encodeFrame({
    kind,
    shard,
    messageId: 0,
    timeMs: 0,
    source,
    target,
    handler,
    extension,
    payload: NO_BYTES,
  });
  if (head.length > memory.length) grow(head.length);
  memory.set(head);
  for (let index = 0; index < at.NAME_COUNT; index++) nameSizes[index] = at.nameLength(head, index);
  headBytes = head.length;
  extensionBytes = extension.length;
  last = { source, target, handler, extension: fields.extension };
}

function grow(leastBytes: number): void {
  const grown = new Uint8Array(leastBytes * 2);
  grown.set(memory.subarray(0, headBytes));
  memory = grown;
  views = [];
}
