/**
 * The events that a replay emits against those that the store keeps, topic by topic, each read once.
 */
import { eventPages, eventRows } from '../store/event-log.ts';
import type { StoredEvent } from '../store/event-log.ts';
import type { KeyValue } from '../store/key-value.ts';
import { corrupt } from '../store/schema.ts';
import type { TenantState } from '../store/tenant-row.ts';
import type { Output } from '../actor/step.ts';

/** Where one topic is. */
interface Cursor {
  readonly pages: Iterator<readonly StoredEvent[]>;
  page: readonly StoredEvent[];
  at: number;
}

export class EventMatch {
  readonly #driver: KeyValue;
  readonly #tenant: TenantState;
  readonly #cursors: Map<string, Cursor> = new Map();
  /** Events by topic: how many there are up to the last one emitted. */
  readonly #counts: Map<string, number> = new Map();

  constructor(driver: KeyValue, tenant: TenantState) {
    this.#driver = driver;
    this.#tenant = tenant;
  }

  /** Compares what a step emitted; STORE_CORRUPT for an event that is not there, or is another. */
  take(seq: number, outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.kind !== 'event') continue;
      const { topic, offset, timeMs, value } = output;
      const stored = this.#next(topic, offset);
      const isSame = stored?.offset === offset && stored.timeMs === timeMs && Buffer.compare(stored.value, value) === 0;
      if (!isSame) throw corrupt('event', { tenant: this.#tenant.tenant, seq, topic, offset });
      this.#counts.set(topic, offset + 1);
    }
  }

  #next(topic: string, offset: number): StoredEvent | undefined {
    let cursor = this.#cursors.get(topic);
    if (cursor === undefined) {
      cursor = { pages: eventPages(this.#driver, this.#tenant, topic, offset), page: [], at: 0 };
      this.#cursors.set(topic, cursor);
    }
    while (cursor.at >= cursor.page.length) {
      const next = cursor.pages.next();
      if (next.done === true) return undefined;
      cursor.page = next.value;
      cursor.at = 0;
    }
    return cursor.page[cursor.at++];
  }

  /** After the last step: nothing may be kept that nobody emitted. */
  end(isWhole: boolean): void {
    const { tenant, seq } = this.#tenant;
    const stored = new Map<string, number>();
    for (const { topic, offset, events } of eventRows(this.#driver, this.#tenant))
      stored.set(topic, offset + events.length);
    for (const [topic, count] of stored) {
      const emitted = this.#counts.get(topic);
      // Of a trimmed tenant, topics that were not written to since its snapshot cannot be told.
      if (emitted === undefined ? isWhole : emitted !== count)
        throw corrupt('event', { tenant, seq, topic, offset: emitted ?? 0 });
    }
  }
}
