/**
 * What a run says at its end, as a table for people or one JSON object for scripts, and the one root
 * that stands for the states of all tenants:
 *
 *   state root = sha256( for each tenant, in the order of its UTF-8 bytes:
 *                        u32 big-endian length of the name ‖ the name in UTF-8 ‖ its state root, 32 bytes )
 *
 * Equal roots mean equal names and equal states; no tenants give sha256 of nothing.
 */
import { hexOf, sha256Of } from '../base/hash.ts';
import { compareUtf8 } from '../base/text.ts';
import { countText, latencyText, tableText } from './figures.ts';
import type { StopReason } from './runner.ts';

/** One run in figures. What a broken store could not tell any more is missing. */
export interface Summary {
  /** Tenants in the store, not only those of this input. */
  readonly tenants?: number;
  readonly commands: number;
  readonly refused: number;
  readonly failed: number;
  /** Commands whose id was answered before, in this run or an earlier one, and that took no effect again. */
  readonly repeated?: number;
  readonly badLines: number;
  readonly elapsedMs: number;
  readonly commandsPerSecond: number;
  readonly ackP50Ms: number;
  readonly ackP99Ms: number;
  /** Hex. */
  readonly stateRoot?: string;
  /** Absolute path; missing when the run was in memory. */
  readonly dataDir?: string;
  /** Why the input was not read to its end. */
  readonly stopped?: StopReason;
}

/** One root over all tenants, as 64 hex digits; the layout stands at the head of this file. */
export function stateRootOf(tenants: readonly { readonly tenant: string; readonly stateRoot: Uint8Array }[]): string {
  const pieces: Uint8Array[] = [];
  for (const { tenant, stateRoot } of [...tenants].sort((a, b) => compareUtf8(a.tenant, b.tenant))) {
    const name = Buffer.from(tenant, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(name.byteLength);
    pieces.push(length, name, stateRoot);
  }
  return hexOf(sha256Of(pieces));
}

/** The table of a summary. */
export function summaryText(summary: Summary): string {
  const known = (count: number | undefined): string => (count === undefined ? 'unknown' : countText(count));
  const rows: [string, string][] = [
    ['tenants', known(summary.tenants)],
    ['commands', countText(summary.commands)],
    ['refused', countText(summary.refused)],
    ['failed', countText(summary.failed)],
    ['repeated', known(summary.repeated)],
    ['bad lines', countText(summary.badLines)],
    ['commands/s', countText(summary.commandsPerSecond)],
    ['acknowledged', `p50 ${latencyText(summary.ackP50Ms)}, p99 ${latencyText(summary.ackP99Ms)}`],
    ['state root', summary.stateRoot ?? 'unknown'],
    ['data', summary.dataDir ?? 'in memory, gone now'],
  ];
  if (summary.stopped !== undefined) rows.push(['stopped early', summary.stopped]);
  return tableText(rows);
}
