/**
 * Versions. A domain is brought to a newer version of a type by a recorded input; an actor's state
 * follows with the first turn that touches it, inside that turn, so that the change is part of a
 * step like any other. Queries see the migrated state without keeping it.
 */
import { SynapseError } from '../base/error.ts';
import { decodeFrozen, decodeValue, encodeValue } from '../frame/codec.ts';
import { Cell, META_ROW, putValue } from './cell.ts';
import type { ResolvedActor } from './definition.ts';
import type { DomainState } from './domain-state.ts';
import type { Turn } from './turn.ts';

/** The state of `cell` in the shape of the definition's version. */
function migratedState(cell: Cell, definition: ResolvedActor): Record<string, unknown> {
  let state = decodeValue(encodeValue({ ...cell.state })) as Record<string, unknown>;
  for (let { version } = cell.meta; version < definition.version; version++) {
    const migrate = definition.migrate.get(version);
    if (migrate === undefined) continue; // a version may change code and leave the shape
    const next: unknown = migrate(state);
    if (typeof next !== 'object' || next === null || Array.isArray(next)) {
      throw new SynapseError(
        'INVALID_ARGUMENT',
        `migrate from version ${version} of ${cell.type} must return a plain object`,
      );
    }
    state = next as Record<string, unknown>;
  }
  return state;
}

/** Brings the state of the turn's actor to the version that runs; part of the turn's writes. */
export function migrateCell(state: DomainState, turn: Turn, cell: Cell, definition: ResolvedActor): void {
  if (cell.meta.version >= definition.version || turn.writes === undefined) return;
  state.ports.enter(turn);
  let next: Record<string, unknown>;
  try {
    next = migratedState(cell, definition);
  } finally {
    state.ports.leave();
  }
  for (const key of Object.keys(cell.state)) if (!Object.hasOwn(next, key)) turn.writes.deleteState(key);
  for (const key of Object.keys(next)) {
    const bytes = encodeValue(next[key], undefined, key);
    turn.writes.setState(key, decodeFrozen(bytes), bytes);
  }
  turn.migratesTo = definition.version;
}

/** Notes the new version once the turn that migrated has succeeded. */
export function commitMigration(state: DomainState, turn: Turn, cell: Cell): void {
  if (turn.migratesTo === undefined) return;
  cell.amend({ version: turn.migratesTo });
  state.markRow(cell.id, META_ROW);
  state.running.note('migrated', cell.id, turn.migratesTo);
}

/** A cell for a query to look at: the actor's own, or a migrated copy of it. */
export function migratedView(cell: Cell, definition: ResolvedActor): Cell {
  if (cell.meta.version >= definition.version) return cell;
  const view = new Cell(cell.id, definition.version);
  const next = migratedState(cell, definition);
  for (const key of Object.keys(next)) putValue(view.state, key, decodeFrozen(encodeValue(next[key])));
  view.tables = cell.tables;
  view.exists = cell.exists;
  return view;
}
