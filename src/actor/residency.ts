/**
 * Which actors are in memory. A cell that leaves has nothing that the store does not have; one that
 * is needed and not here makes its domain wait, so that being in memory never changes an order.
 */
import { Cell, type StoredRow } from './cell.ts';
import type { DomainState } from './domain-state.ts';

/** Actors known to be absent that are remembered between steps: more would be memory without a use. */
const ABSENT_MAX = 10_000;

/** The cell, moved to the end of the order of use. */
export function touchCell(state: DomainState, actorId: string): Cell | undefined {
  const cell = state.cells.get(actorId);
  // Within one millisecond the first use decides the order: a Map pays for each move with a hole.
  if (cell === undefined || cell.usedMs === state.useMs) return cell;
  cell.usedMs = state.useMs;
  if (state.cells.size === 1) return cell; // of many tenants with one actor each the moves were 5 % of a lane
  state.cells.delete(actorId);
  state.cells.set(actorId, cell);
  return cell;
}

/** Takes what the store had of an actor. */
export function supply(state: DomainState, actorId: string, rows: readonly StoredRow[]): void {
  if (state.isResident(actorId)) return;
  const cell = Cell.fromRows(actorId, rows);
  if (cell === undefined) {
    state.absent.add(actorId);
    return;
  }
  cell.usedMs = state.useMs;
  state.cells.set(actorId, cell);
}

/** Forgets most of what is known to be absent. Not what was erased since the last snapshot: the store still has that. */
export function trimAbsent(state: DomainState): void {
  if (state.absent.size > ABSENT_MAX) state.absent.clear();
}

/** True when the store has all of the cell and nothing in memory depends on it. */
export function isEvictable(state: DomainState, cell: Cell): boolean {
  if (!cell.exists) return !state.isBusy(cell.id);
  return !state.dirty.has(cell.id) && !state.dirtyPending.has(cell.id);
}

/** Takes a cell out of memory. A suspended turn of it goes dormant. */
export function evict(state: DomainState, cell: Cell): void {
  const turn = state.turnOf.get(cell.id);
  if (turn !== undefined && turn.phase === 'suspended') turn.disarm();
  state.cells.delete(cell.id);
  state.absent.delete(cell.id);
  if (cell.exists) state.mayLackCells = true;
}
