/**
 * Events that actors emitted: per tenant and topic a sequence of offsets from 0, without gaps.
 *
 * A row holds the events of one commit for one topic, under the offset of the first:
 *   [topic text][count u32] then per event [time ms f64][value block]
 */
import { assert } from '../base/assert.ts';
import { ByteReader, ByteWriter } from './binary.ts';
import type { KeyValue, Row, Write } from './key-value.ts';
import { corrupt, eventsKey } from './schema.ts';
import type { RowOwner } from './schema.ts';
import { rowsUnder } from './tenant-directory.ts';
import type { TenantState } from './tenant-row.ts';

/** An event as a step emits it. */
export interface EmittedEvent {
  readonly topic: string;
  /** 0 for the first of its topic, then one more each. */
  readonly offset: number;
  readonly timeMs: number;
  readonly value: Uint8Array;
}

/** An event as it is read. */
export interface StoredEvent {
  readonly offset: number;
  readonly timeMs: number;
  readonly value: Uint8Array;
}

/** A row is cut behind this: a reader that wants one event reads its row. */
const ROW_BYTES = 64 << 10;

/** Rows read at a time. */
const PAGE_ROWS = 32;

/** Events read at a time where all are read. */
const EVENTS_PAGE = 1_024;

/** Kind and tenant in a key. */
const TENANT_PREFIX_BYTES = 5;

/** Rows for the events one tenant emitted in one commit, in the order of emission. */
export function eventWrites(owner: RowOwner, events: readonly EmittedEvent[]): Write[] {
  const byTopic = new Map<string, EmittedEvent[]>();
  for (const event of events) {
    const list = byTopic.get(event.topic);
    if (list === undefined) byTopic.set(event.topic, [event]);
    else {
      assert(event.offset === (list.at(-1) as EmittedEvent).offset + 1, 'the offsets of a topic are consecutive');
      list.push(event);
    }
  }
  const writes: Write[] = [];
  for (const [topic, list] of byTopic) {
    let from = 0;
    let sizeBytes = 0;
    list.forEach((event, i) => {
      sizeBytes += event.value.length;
      if (sizeBytes < ROW_BYTES && i + 1 < list.length) return;
      writes.push(rowOf(owner, topic, list.slice(from, i + 1)));
      from = i + 1;
      sizeBytes = 0;
    });
  }
  return writes;
}

function rowOf(owner: RowOwner, topic: string, events: readonly EmittedEvent[]): Write {
  const key = eventsKey(owner, topic, (events[0] as EmittedEvent).offset);
  const writer = new ByteWriter(1024).text(topic).u32(events.length);
  for (const event of events) writer.f64(event.timeMs).block(event.value);
  return [key, owner.seal.seal(key, writer)];
}

/**
 * At most `limit` events of a topic from offset `from` on. A damaged row or a gap: STORE_CORRUPT with
 * tenant, topic and offset.
 */
export function readEvents(
  driver: KeyValue,
  state: TenantState,
  topic: string,
  from: number,
  limit: number,
): readonly StoredEvent[] {
  const { tenant } = state;
  const lowest = eventsKey(state, topic, 0);
  const to = eventsKey(state, topic, Number.MAX_SAFE_INTEGER);
  const found: StoredEvent[] = [];
  const floor = driver.range(lowest, eventsKey(state, topic, from + 1), { reverse: true, limit: 1 })[0];
  let start = floor?.[0] ?? lowest;
  let next: number | undefined;
  while (found.length < limit) {
    const rows = driver.range(start, to, { limit: PAGE_ROWS });
    for (const row of rows) {
      const events = decodeRow(row, state, topic);
      const first = (events[0] as StoredEvent).offset;
      if (first !== (next ?? (floor === undefined ? 0 : first)))
        throw corrupt('event row', { tenant, topic, offset: next ?? 0 });
      next = first + events.length;
      for (const event of events) if (event.offset >= from && found.length < limit) found.push(event);
    }
    if (rows.length < PAGE_ROWS || next === undefined) return found;
    start = eventsKey(state, topic, next);
  }
  return found;
}

/** All events of a topic from offset `from` on, a page at a time. */
export function* eventPages(
  driver: KeyValue,
  state: TenantState,
  topic: string,
  from: number,
): Generator<readonly StoredEvent[]> {
  for (let next = from; ;) {
    const page = readEvents(driver, state, topic, next, EVENTS_PAGE);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    next = last.offset + 1;
  }
}

/** All rows of events of a tenant: a topic's one behind the other. */
export function* eventRows(driver: KeyValue, state: TenantState): Generator<EventRow> {
  const prefix = eventsKey(state, '', 0).subarray(0, TENANT_PREFIX_BYTES);
  for (const row of rowsUnder(driver, prefix, PAGE_ROWS)) yield readEventRow(row, state);
}

function decodeRow(row: Row, state: TenantState, topic: string): readonly StoredEvent[] {
  const read = readEventRow(row, state);
  if (read.topic !== topic) throw corrupt('event row', { tenant: state.tenant, topic, offset: read.offset });
  return read.events;
}

/** A row of events, decoded. */
export interface EventRow {
  readonly key: Uint8Array;
  readonly topic: string;
  readonly offset: number;
  readonly events: readonly StoredEvent[];
}

/** A row of events; damaged, or under the key of another topic: STORE_CORRUPT. */
function readEventRow([key, value]: Row, state: TenantState): EventRow {
  const { tenant } = state;
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  const offset = view.getUint32(key.length - 8) * 0x1_0000_0000 + view.getUint32(key.length - 4);
  const payload = state.seal.open(key, value);
  if (payload === undefined) throw corrupt('event row', { tenant, seq: state.seq, offset });
  const reader = new ByteReader(payload);
  const topic = reader.text();
  const count = reader.u32();
  const events = Array.from({ length: count }, (_, i) => ({
    offset: offset + i,
    timeMs: reader.f64(),
    value: reader.block(),
  }));
  if (!reader.done || Buffer.compare(eventsKey(state, topic, offset), key) !== 0)
    throw corrupt('event row', { tenant, topic, offset });
  return { key, topic, offset, events };
}
