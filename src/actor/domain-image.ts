/**
 * A domain as a snapshot holds it: one image of the small tables, and the rows that changed since the
 * snapshot before. Taken only between steps.
 *
 *   image            seq, time, counters, versions, sessions, outbox, topics, mailboxes
 *   sys:dedup …      idempotency table, timers, suspended turns, effects under way, watches
 *   a \0 type \0 key the rows of actors (see cell.ts)
 */
import { assert } from '../base/assert.ts';
import { SynapseError } from '../base/error.ts';
import { OneMap, RareSet } from '../base/rare.ts';
import { decodeValue, encodeValue } from '../frame/codec.ts';
import { META_ROW, rowGroupOf } from './cell.ts';
import { DEDUP_GROUP } from './dedup.ts';
import { type DirtyRows, type DomainState, EFFECT_GROUP, TURN_GROUP } from './domain-state.ts';
import { type StoredMessage, messageFrom, storedMessage } from './message.ts';
import { Outbox, type OutboxImage } from './outbox.ts';
import type { RowMarks } from './row-marks.ts';
import { type SessionImage, SessionTable } from './session.ts';
import type { EffectRequest } from './step.ts';
import { TIMER_GROUP } from './timer-table.ts';
import { Turn, type TurnImage } from './turn.ts';
import { WATCH_GROUP } from './watch-table.ts';

/** A row that changed; null: it is gone. */
export interface ChangedRow {
  readonly space: 'state' | 'system';
  readonly group: string;
  readonly name: string;
  readonly value: Uint8Array | null;
}

export interface DomainSnapshot {
  readonly seq: number;
  readonly image: Uint8Array;
  /** Made as they are asked for, to be had once; until then no step of the domain may begin. */
  readonly changes: Iterator<ChangedRow>;
}

interface DomainImage {
  readonly seq: number;
  readonly nowMs: number;
  readonly nextTurnId: number;
  readonly nextTimerOrder: number;
  readonly suspendedUntilMs: number;
  readonly types: Map<string, number>;
  readonly topics: Map<string, number>;
  readonly unborn: Map<string, readonly number[]>;
  readonly sessions: readonly SessionImage[];
  readonly outbox: readonly OutboxImage[];
  readonly mailboxes: readonly {
    readonly actorId: string;
    readonly restarting: string | undefined;
    readonly messages: readonly StoredMessage[];
  }[];
}

function imageOf(state: DomainState): DomainImage {
  const { seq, nowMs, nextTurnId, nextTimerOrder, suspendedUntilMs, types, topics, unborn } = state;
  return {
    seq,
    nowMs,
    nextTurnId,
    nextTimerOrder,
    suspendedUntilMs,
    types: new Map(types),
    topics,
    unborn,
    sessions: state.sessions.image(),
    outbox: state.outbox.image(),
    mailboxes: [...state.mailboxes].map(([actorId, { restarting, messages }]) => ({
      actorId,
      restarting,
      messages: messages.map(storedMessage),
    })),
  };
}

interface SystemTable {
  readonly marks: RowMarks;
  /** Whether there is a row. Asked by itself: to make the value for that was a tenth of a lane's time under calls with keys. */
  readonly has: (name: string) => boolean;
  /** The row's value; null without one. */
  readonly value: (name: string) => Uint8Array | null;
}

/** The tables whose entries are rows. */
function systemTables(state: DomainState): readonly SystemTable[] {
  const { dedup, timers, turns, effects, watches } = state;
  return [
    { marks: dedup.marks, has: (name) => dedup.has(name), value: (name) => dedup.rowValue(name) },
    { marks: timers.marks, has: (name) => timers.has(name), value: (name) => timers.rowValue(name) },
    {
      marks: state.turnMarks,
      has: (name) => turns.has(Number(name)),
      value: (name) => encodeOr(turns.get(Number(name))?.image()),
    },
    { marks: state.effectMarks, has: (name) => effects.has(name), value: (name) => encodeOr(effects.get(name)) },
    { marks: watches.marks, has: (name) => watches.has(name), value: (name) => watches.rowValue(name) },
  ];
}

function encodeOr(value: unknown): Uint8Array | null {
  return value === undefined ? null : encodeValue(value);
}

/** The rows of the domain's own tables that changed; changes nothing. */
export function changedSystemRows(state: DomainState): ChangedRow[] {
  const changes: ChangedRow[] = [];
  for (const { marks, value } of systemTables(state)) {
    for (const name of marks.names()) changes.push({ space: 'system', group: marks.group, name, value: value(name) });
  }
  return changes;
}

/** Suspended turns always count as changed in a snapshot: what they wait for is not marked. */
export function touchTurns(state: DomainState): void {
  for (const turn of state.turns.values()) state.turnMarks.touch(String(turn.id));
}

/** Counts the domain's own tables as stored. */
export function takeSystemMarks(state: DomainState): void {
  for (const { marks, has } of systemTables(state)) marks.take(has);
}

/** Rows that a snapshot taken now would write; changes nothing. */
export function changedRows(state: DomainState): Iterable<ChangedRow> {
  assert(state.step === undefined, 'a snapshot is taken between steps');
  return rowsOf(state, changedSystemRows(state), state.dirty);
}

/** One by one: those of a million actors are never there together. */
function* rowsOf(
  state: DomainState,
  system: readonly ChangedRow[],
  dirtyActors: Iterable<readonly [string, DirtyRows]>,
): Generator<ChangedRow, void, undefined> {
  yield* system;
  for (const [actorId, dirty] of dirtyActors) {
    const cell = state.cells.get(actorId);
    const group = rowGroupOf(actorId);
    for (const name of state.dirtyNames(actorId, dirty)) {
      const space = name === META_ROW ? 'system' : 'state';
      yield { space, group, name, value: cell?.rowValue(name) ?? null };
    }
  }
}

/** The image alone, for a comparison of roots. */
export function encodeImage(state: DomainState): Uint8Array {
  return encodeValue(imageOf(state));
}

/** Number of rows that changed since the last snapshot. */
export function changedRowCount(state: DomainState): number {
  let count = state.dirtyRowCount;
  for (const { marks } of systemTables(state)) count += marks.size;
  return count;
}

/** Takes a snapshot. What it holds counts as clean once `snapshotStored` is called. */
export function takeSnapshot(state: DomainState): DomainSnapshot {
  assert(state.dirtyPending.size === 0, 'one snapshot of a domain is under way at a time');
  assert(state.step === undefined, 'a snapshot is taken between steps');
  touchTurns(state);
  const system = changedSystemRows(state);
  takeSystemMarks(state);
  state.dirtyPending = state.dirty;
  state.dirty = new OneMap();
  state.dirtyRowCount = 0;
  state.erasedPending = state.erased;
  state.erased = new RareSet();
  return { seq: state.seq, image: encodeImage(state), changes: rowsOf(state, system, state.dirtyPending) };
}

/** The last snapshot taken is durable. */
export function snapshotStored(state: DomainState): void {
  state.dirtyPending = new OneMap();
  state.erasedPending = new RareSet();
}

/** Fills a new domain from a snapshot. */
export function restoreDomain(
  state: DomainState,
  image: Uint8Array,
  rows: readonly { readonly group: string; readonly name: string; readonly value: Uint8Array }[],
): void {
  const from = decodeValue(image) as DomainImage;
  state.seq = from.seq;
  state.nowMs = from.nowMs;
  state.nextTurnId = from.nextTurnId;
  state.nextTimerOrder = from.nextTimerOrder;
  state.suspendedUntilMs = from.suspendedUntilMs;
  for (const [type, version] of from.types) state.types.set(type, version);
  state.topics = from.topics;
  state.unborn = from.unborn;
  state.sessions = SessionTable.fromImage(from.sessions);
  state.outbox = Outbox.fromImage(from.outbox);
  state.mayLackCells = true;
  for (const { actorId, restarting, messages } of from.mailboxes) {
    const sizeBytes = messages.reduce((sum, message) => sum + message.args.length, 0);
    state.mailboxes.set(actorId, { messages: messages.map(messageFrom), sizeBytes, restarting, scheduled: false });
  }
  const inGroup = (group: string): typeof rows => rows.filter((row) => row.group === group);
  state.dedup.restore(inGroup(DEDUP_GROUP));
  state.timers.restore(inGroup(TIMER_GROUP));
  // Turns and the effects of each end in the order in which they began, whatever order rows have.
  const turns = inGroup(TURN_GROUP).map((row) => Turn.fromImage(decodeValue(row.value) as TurnImage));
  for (const turn of turns.sort((a, b) => a.id - b.id)) restoreTurn(state, turn);
  const effects = inGroup(EFFECT_GROUP).map((row) => decodeValue(row.value) as EffectRequest);
  for (const effect of effects.sort((a, b) => a.turnId - b.turnId || a.callIndex - b.callIndex)) {
    state.effects.set(effect.id, effect);
    state.effectMarks.stored(effect.id);
  }
  state.watches.restore(inGroup(WATCH_GROUP));
}

function restoreTurn(state: DomainState, turn: Turn): void {
  state.turns.set(turn.id, turn);
  state.turnOf.set(turn.actorId, turn);
  state.turnMarks.stored(String(turn.id));
}

/**
 * Versions to bring the domain to: by type, where a newer one is here. `DIVERGED` where recorded
 * things need a version that is not here.
 */
export function versionsToMigrate(state: DomainState): Record<string, number> {
  const versions: Record<string, number> = {};
  for (const [type, version] of state.types) {
    const newest = state.registry.newest(type);
    if (newest === undefined) continue; // an actor type left out: its actors answer UNKNOWN_ACTOR
    if (newest.version < version) throw missingVersion(state, type, version, 'its state has');
    if (newest.version > version) versions[type] = newest.version;
  }
  for (const turn of state.turns.values()) {
    const { type } = turn.message;
    if (state.registry.resolve(type, turn.version) !== undefined) continue;
    throw missingVersion(state, type, turn.version, 'a suspended turn needs');
  }
  return versions;
}

function missingVersion(state: DomainState, type: string, version: number, why: string): SynapseError {
  return new SynapseError(
    'DIVERGED',
    `tenant ${state.tenant}: ${why} version ${version} of ${type}; give its module in \`previous\``,
    {
      tenant: state.tenant,
      type,
      version,
    },
  );
}
