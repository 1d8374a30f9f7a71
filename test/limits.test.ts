/**
 * Holds the tables of limits in `docs/architecture.md` to the code: every option with its default, and
 * every constant with its value, in the file that the table names.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { resolveOptions } from '../src/host/options.ts';

/** The repository: this file runs as `dist/test/limits.test.js`. */
const TOP = fileURLToPath(new URL('../../', import.meta.url));

const UNITS: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** Cells of every row of a table. */
const rows = readFileSync(join(TOP, 'docs/architecture.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

/** `16 MiB` and `10,000` as numbers. */
function numberOf(text: string): number {
  const [digits = '', unit] = text.replaceAll(',', '').split(' ');
  return Number(digits) * (unit === undefined ? 1 : (UNITS[unit] ?? Number.NaN));
}

/** The value of a constant that is a product, a shift or a power of literals. */
function valueOf(path: string, name: string): number {
  const source = readFileSync(join(TOP, path), 'utf8');
  const text = new RegExp(String.raw`const ${name}(?:: number)? = ([^;]+);`).exec(source)?.[1] ?? '';
  const [left = '', operator, ...right] = text.replaceAll('_', '').split(/\s*(\*\*|<<|\*)\s*/);
  const factors = [left, ...right.filter((_part, index) => index % 2 === 0)].map(Number);
  const [first = Number.NaN, second = Number.NaN] = factors;
  if (operator === undefined) return first;
  if (operator === '**') return first ** second;
  if (operator === '<<') return first * 2 ** second;
  return factors.reduce((product, factor) => product * factor, 1);
}

describe('the limits of docs/architecture.md', () => {
  const options = new Map(
    rows.flatMap(([name = '', standard = '']) => (/^`[a-z]\w+`$/i.test(name) ? [[name.slice(1, -1), standard]] : [])),
  );

  const defaults = Object.entries(resolveOptions({ actors: 'file:///none.js' })).filter(
    ([, value]) => typeof value === 'number',
  );

  it.each(defaults)('give the default of the option %s, %d', (name, value) => {
    // The number of lanes goes by the machine.
    if (name === 'lanes') expect(options.get(name)).toContain('processors');
    else expect(numberOf(options.get(name) ?? '')).toBe(value);
  });

  const constants = rows.flatMap(([what = '', value = '', , reason = '', where = '']) => {
    const [, name, path] = /^`([A-Z_]+)` of `(src\/[\w/.-]+)`$/.exec(where) ?? [];
    return name === undefined || path === undefined ? [] : [{ what, value, reason, name, path }];
  });

  it('are many', () => {
    expect(constants.length).toBeGreaterThan(40);
  });

  it.each(constants)('say $value of $name in $path', ({ value, name, path, reason }) => {
    expect(numberOf(value)).toBe(valueOf(path, name));
    expect(reason).not.toBe('');
  });
});
