/**
 * Numbers as people read them, and tables of them: the same in every locale, so that a script or a
 * bug report from anywhere reads alike.
 */

const COUNT = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const TENTH = new Intl.NumberFormat('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

const SIZE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `1234567` as `1,234,567`. */
export function countText(count: number): string {
  return COUNT.format(count);
}

/** Bytes in the largest binary unit that leaves at least 1: `1.5 MiB`. */
export function sizeText(sizeBytes: number): string {
  let size = sizeBytes;
  let unit = 0;
  for (; size >= 1024 && unit < SIZE_UNITS.length - 1; unit++) size /= 1024;
  return `${unit === 0 ? COUNT.format(size) : TENTH.format(size)} ${SIZE_UNITS[unit] ?? ''}`;
}

/** A clock face: `0:07`, `12:34`, `1:02:03`. */
export function clockText(durationMs: number): string {
  const seconds = Math.max(0, Math.ceil(durationMs / 1000));
  const tail = String(seconds % 60).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${tail}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${tail}`;
}

/** A latency: microseconds below a millisecond, else milliseconds. */
export function latencyText(durationMs: number): string {
  return durationMs < 1 ? `${COUNT.format(durationMs * 1000)} µs` : `${TENTH.format(durationMs)} ms`;
}

/** Rows in columns two spaces apart; a column whose cells all look like figures is set to the right. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const columns = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const widths = Array.from({ length: columns }, (_, column) =>
    rows.reduce((most, row) => Math.max(most, (row[column] ?? '').length), 0),
  );
  const isFigure = Array.from({ length: columns }, (_, column) =>
    rows.slice(1).every((row) => /^[\d,.]+$|^-$/.test(row[column] ?? '')),
  );
  return rows
    .map((row) =>
      row.map((cell, column) =>
        isFigure[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      ),
    )
    .map((cells) => `${cells.join('  ').trimEnd()}\n`)
    .join('');
}
