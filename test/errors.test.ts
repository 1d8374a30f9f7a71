/**
 * Holds `docs/errors.md` to the table of codes and to the code that raises them: same codes, same order,
 * and every field of `details` that stands literally in a `new SynapseError(…)` is documented.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES, isErrorCode } from '../src/base/error.ts';
import { lineCounter, type Node, nameOf, parseSource, stringOf, walk } from './tidy/source.ts';

/** The repository: this file runs as `dist/test/errors.test.js`. */
const TOP = fileURLToPath(new URL('../../', import.meta.url));

/** One row of the table of `docs/errors.md`. */
interface Row {
  readonly code: string;
  readonly when: string;
  readonly remedy: string;
  readonly details: ReadonlySet<string>;
}

/** One place that makes an error, with the keys of its literal details. */
interface Raised {
  readonly code: string;
  readonly place: string;
  readonly keys: readonly string[];
}

const rows = readRows(readFileSync(join(TOP, 'docs/errors.md'), 'utf8'));
const raised = filesBelow('src').flatMap((path) => raisedIn(path, readFileSync(join(TOP, path), 'utf8')));

describe('docs/errors.md', () => {
  it('lists every code once, in the order of the table', () => {
    expect(rows.map((row) => row.code)).toEqual([...ERROR_CODES]);
  });

  it.each(rows)('says when $code happens and what to do', ({ when, remedy }) => {
    expect(when.length).toBeGreaterThan(10);
    expect(remedy.length).toBeGreaterThan(10);
  });

  it('names every field of details that the code fills in', () => {
    expect(undocumented(raised, rows)).toEqual([]);
  });
});

describe('the table of codes', () => {
  it('holds no code that nothing raises', () => {
    const text = filesBelow('src')
      .filter((path) => path !== 'src/base/error.ts')
      .map((path) => readFileSync(join(TOP, path), 'utf8'))
      .join('\n');
    expect(ERROR_CODES.filter((code) => !text.includes(`'${code}'`))).toEqual([]);
  });

  it('holds no code that no test provokes', () => {
    const text = filesBelow('test')
      .filter((path) => path !== 'test/errors.test.ts')
      .map((path) => readFileSync(join(TOP, path), 'utf8'))
      .join('\n');
    expect(ERROR_CODES.filter((code) => !text.includes(`'${code}'`))).toEqual([]);
  });

  it('knows its codes and no others', () => {
    expect(ERROR_CODES.every(isErrorCode)).toBe(true);
    expect(['', 'refused', 'REFUSED ', 'toString', 'NOT_A_CODE'].filter(isErrorCode)).toEqual([]);
  });
});

describe('the comparison itself', () => {
  it('reads codes, texts and fields from a row', () => {
    const [row] = readRows(
      '| code | when |\n| --- | --- |\n| `REFUSED` | a handler threw | read it | `a`, `b`: why |\n',
    );
    expect(row).toEqual({
      code: 'REFUSED',
      when: 'a handler threw',
      remedy: 'read it',
      details: new Set(['a', 'b']),
    });
  });

  it('finds an undocumented field, across lines and behind a spread', () => {
    const text =
      "new SynapseError(\n  'TIMEOUT', 'x', { ...more, waitedMs: 1,\n 'b': 2 });\nnew SynapseError('CLOSED', 'x');";
    const found = raisedIn('a.ts', text);
    expect(found).toEqual([
      { code: 'TIMEOUT', place: 'a.ts:1', keys: ['waitedMs', 'b'] },
      { code: 'CLOSED', place: 'a.ts:4', keys: [] },
    ]);
    expect(undocumented(found, readRows('| `TIMEOUT` | w | r | `b` |\n'))).toEqual(['a.ts:1: TIMEOUT waitedMs']);
  });
});

function undocumented(places: readonly Raised[], table: readonly Row[]): string[] {
  return places.flatMap(({ code, place, keys }) => {
    const documented = table.find((row) => row.code === code)?.details;
    return keys.filter((key) => documented?.has(key) !== true).map((key) => `${place}: ${code} ${key}`);
  });
}

/** Rows whose first cell is a code in backticks. */
function readRows(markdown: string): Row[] {
  return markdown.split('\n').flatMap((line) => {
    const [, first = '', when = '', remedy = '', details = ''] = line.split('|').map((cell) => cell.trim());
    const code = /^`([A-Z_]+)`$/.exec(first)?.[1];
    if (code === undefined) return [];
    const fields = [...details.matchAll(/`([A-Za-z]+)`/g)].map((match) => match[1] ?? '');
    return [{ code, when, remedy, details: new Set(fields) }];
  });
}

function raisedIn(path: string, text: string): Raised[] {
  const found: Raised[] = [];
  const lineOf = lineCounter(text);
  walk(parseSource(path, text).program, (node) => {
    if (node.type !== 'NewExpression' || nameOf(node['callee']) !== 'SynapseError') return;
    const [first, , details] = node['arguments'] as readonly Node[];
    const code = stringOf(first);
    if (code !== undefined) found.push({ code, place: `${path}:${lineOf(node.start)}`, keys: keysOf(details) });
  });
  return found;
}

function keysOf(details: Node | undefined): string[] {
  if (details?.type !== 'ObjectExpression') return [];
  return (details['properties'] as readonly Node[]).flatMap((property) => {
    const key = nameOf(property['key']) ?? stringOf(property['key']);
    return key === undefined || property['computed'] === true ? [] : [key];
  });
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(TOP, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => join(folder, path))
    .toSorted();
}
