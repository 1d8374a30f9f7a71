/**
 * House rules about one file at a time: size, head, words, exports, errors, tests and benches.
 *
 * Every rule takes parsed sources and returns its complaints, so that a test can feed it a
 * violation and see it complain.
 */
import { type ExportedName, isCallOf, type Node, nameOf, type Source, stringOf, walk } from './source.ts';

/** Four hundred lines: beyond, there is a second idea in the file. */
export const FILE_LINES_MAX = 400;
/** Seventy lines: a function fits on a screen. */
export const FUNCTION_LINES_MAX = 70;
/** A head is a block of its own, and is read: at most fifteen lines of prose. Drawings do not count. */
export const HEAD_LINES_MAX = 15;
/** One line reads as the comment of what follows it. */
const HEAD_ON_ONE_LINE = /^(#![^\n]*\n)?\s*\/\*[^\n]*\*\//;

const BANNED_IN_FILES = ['utils', 'util', 'helpers', 'helper', 'common', 'misc', 'manager', 'impl', 'data', 'info'];
const BANNED_IN_NAMES = new Set(BANNED_IN_FILES);
/** `dataDir` is a word of the public interface; no other compound of `data` is. */
const FIXED_WORDS = /dataDir|DataDir|DATA_DIR/g;
/** A unit in front reads as a noun; units stand last: `timeoutMs`. `MS_PER_DAY` is a ratio of units. */
const UNIT_FIRST = /^(ms|millis|kb|mb)[A-Z]|^(MS|KB|MB)_(?!PER_)/;
/** A length of time says its unit. */
const DURATION_WITHOUT_UNIT = /(TIMEOUT|DELAY|INTERVAL|BACKOFF|PERIOD)$/;

const inSource = (source: Source): boolean => source.path.startsWith('src/');
const shipped = (source: Source): boolean => /^(src|actors)\//.test(source.path);

/** No file is longer than {@link FILE_LINES_MAX}, no shipped function than {@link FUNCTION_LINES_MAX}. */
export function sizeFaults(sources: readonly Source[]): string[] {
  const faults: string[] = [];
  for (const source of sources) {
    const lines = source.text.replace(/\n$/, '').split('\n').length;
    if (lines > FILE_LINES_MAX) faults.push(`${source.path}: ${lines} lines, at most ${FILE_LINES_MAX}`);
    if (!shipped(source)) continue;
    for (const fn of source.functions) {
      if (fn.lines <= FUNCTION_LINES_MAX) continue;
      faults.push(`${source.path}:${fn.line}: a function of ${fn.lines} lines, at most ${FUNCTION_LINES_MAX}`);
    }
  }
  return faults;
}

/** Every file starts with a block comment; in `src/` and `actors/` of 2 lines at least and 15 of prose at most. */
export function headFaults(sources: readonly Source[]): string[] {
  const faults: string[] = [];
  for (const source of sources) {
    const { head, path } = source;
    if (head === undefined || head.length === 0) faults.push(`${path}: no head comment`);
    else if (shipped(source)) {
      const prose = proseOf(head).length;
      if (HEAD_ON_ONE_LINE.test(source.text)) faults.push(`${path}: a head on one line is no block`);
      if (prose > HEAD_LINES_MAX) faults.push(`${path}: a head of ${prose} lines, at most ${HEAD_LINES_MAX}`);
    }
    // A bench stands in bench/ itself; what benches are made of stands in its folders.
    if (/^bench\/[^/]+$/.test(path) && head !== undefined) {
      for (const word of ['question', 'estimate']) {
        if (!head.join('\n').toLowerCase().includes(word)) faults.push(`${path}: a bench's head states its ${word}`);
      }
    }
  }
  return faults;
}

/** Lines of a head that are neither drawn nor fenced. */
function proseOf(head: readonly string[]): readonly string[] {
  let fenced = false;
  return head.filter((line) => {
    if (line.startsWith('```')) {
      fenced = !fenced;
      return false;
    }
    return !fenced && !line.startsWith('  ') && !/[|│┌└├+]-*[─-]{2}|^\s*[|│]/.test(line);
  });
}

/** File names are kebab-case; no banned word in them or in what `src/` exports; units stand last. */
export function wordFaults(sources: readonly Source[]): string[] {
  const faults: string[] = [];
  for (const source of sources) {
    for (const part of source.path.split('/')) {
      const stem = part.replace(/(\.(test|config))?\.ts$/, '');
      if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stem)) faults.push(`${source.path}: '${part}' is not kebab-case`);
      const word = stem.split('-').find((piece) => BANNED_IN_NAMES.has(piece));
      if (word !== undefined) faults.push(`${source.path}: the word '${word}'`);
    }
    if (!inSource(source)) continue;
    for (const exported of source.exported) {
      const fault = nameFaultOf(exported);
      if (fault !== undefined) faults.push(`${source.path}:${exported.line}: '${exported.name}' ${fault}`);
    }
  }
  return faults;
}

function nameFaultOf({ name }: ExportedName): string | undefined {
  const words = name
    .replace(FIXED_WORDS, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split('_');
  const word = words.find((piece) => BANNED_IN_NAMES.has(piece));
  if (word !== undefined) return `holds the word '${word}'`;
  if (/^I[A-Z][a-z]/.test(name)) return 'has an I in front';
  if (/^[A-Z].*[a-z]Base$|^Base[A-Z]/.test(name)) return 'is called Base';
  if (UNIT_FIRST.test(name)) return 'has its unit in front';
  if (DURATION_WITHOUT_UNIT.test(name)) return 'is a length of time without a unit';
  return undefined;
}

/** No default export (configuration files excepted), no `private` keyword, no enum, no namespace. */
export function formFaults(sources: readonly Source[]): string[] {
  const faults: string[] = [];
  for (const source of sources) {
    if (source.hasDefaultExport && !source.path.endsWith('.config.ts')) faults.push(`${source.path}: a default export`);
    walk(source.program, (node) => {
      // A private constructor has no #private form.
      if (node['accessibility'] === 'private' && node['kind'] !== 'constructor')
        faults.push(`${source.path}: 'private' where #private is meant`);
      if (node.type === 'TSEnumDeclaration' || node.type === 'TSModuleDeclaration') {
        // `declare module 'x'` and `declare global` add types to what exists; they are no namespaces.
        if (node['kind'] !== 'global' && stringOf(node['id']) === undefined)
          faults.push(`${source.path}: ${node.type}`);
      }
    });
  }
  return faults;
}

/** An error in `src/` is a bug (`assert`), a `SynapseError` or a `Refusal`: a bare `Error` has no code. */
export function errorFaults(sources: readonly Source[]): string[] {
  const faults: string[] = [];
  for (const source of sources) {
    if (!inSource(source) || source.path === 'src/base/assert.ts') continue;
    walk(source.program, (node) => {
      if (node.type !== 'ThrowStatement') return;
      const thrown = node['argument'] as Node;
      const isNew = thrown.type === 'NewExpression' || thrown.type === 'CallExpression';
      if (isNew && nameOf(thrown['callee']) === 'Error') faults.push(`${source.path}: throws an Error without a code`);
    });
  }
  return faults;
}

const CLOCKS_AND_CHANCE: readonly (readonly [string, string])[] = [
  ['Date', 'now'],
  ['performance', 'now'],
  ['Math', 'random'],
];

/** The kernel takes time and chance through its arguments. */
export function kernelFaults(sources: readonly Source[]): string[] {
  const faults: string[] = [];
  for (const source of sources) {
    if (!source.path.startsWith('src/actor/')) continue;
    walk(source.program, (node) => {
      for (const [object, property] of CLOCKS_AND_CHANCE) {
        if (isCallOf(node, object, property)) faults.push(`${source.path}: asks ${object}.${property}() itself`);
      }
      if (node.type === 'NewExpression' && nameOf(node['callee']) === 'Date') {
        if ((node['arguments'] as readonly unknown[]).length === 0)
          faults.push(`${source.path}: new Date() asks the clock`);
      }
      const called = node.type === 'CallExpression' ? nameOf(node['callee']) : undefined;
      if (called !== undefined && /^(setTimeout|setInterval|setImmediate|fetch)$/.test(called)) {
        faults.push(`${source.path}: calls ${called}()`);
      }
    });
  }
  return faults;
}

/** No `expect` looks at a clock: what a test claims must not depend on how busy the machine is. */
export function clockFaults(sources: readonly Source[]): string[] {
  const faults: string[] = [];
  for (const source of sources) {
    if (!source.path.startsWith('test/')) continue;
    walk(source.program, (node) => {
      if (node.type !== 'CallExpression' || nameOf(node['callee']) !== 'expect') return;
      walk(node['arguments'] as unknown as Node, (inner) => {
        const name = nameOf(inner) ?? '';
        const reads = isCallOf(inner, 'Date', 'now') || isCallOf(inner, 'performance', 'now');
        if (reads || /^(elapsed|took)(Ms)?$/.test(name))
          faults.push(`${source.path}: expects something of the wall clock`);
      });
    });
  }
  return faults;
}

/** Nothing left half done: focused or planned tests, reminders, silenced checkers. */
export function leftoverFaults(files: ReadonlyMap<string, string>): string[] {
  // Joined here so that this file does not complain about itself.
  const marks: readonly (readonly [RegExp, string])[] = [
    [new RegExp(String.raw`\.(only|todo)` + String.raw`\(`), 'a focused or planned test'],
    [new RegExp(String.raw`\b(FIX` + 'ME|XX' + String.raw`X|TO` + String.raw`DO)\b`), 'a reminder'],
    [new RegExp('@ts-' + '(ignore|nocheck)'), 'a silenced type check'],
    [new RegExp('oxlint' + String.raw`-disable(?!.* -- )`), 'a lint rule silenced without a reason'],
    [new RegExp('eslint' + '-disable'), 'a lint rule silenced in the name of another tool'],
  ];
  const faults: string[] = [];
  for (const [path, text] of files) {
    if (!/^(src|actors|examples|bench|test)\/.*\.ts$/.test(path)) continue;
    for (const [pattern, what] of marks) if (pattern.test(text)) faults.push(`${path}: ${what}`);
  }
  return faults;
}

/** What `src/index.ts` and the testing entry export carries TSDoc where it is declared. */
export function publicNameFaults(sources: readonly Source[]): string[] {
  const bySource = new Map(sources.map((source) => [source.path, source]));
  const faults: string[] = [];
  for (const entry of ['src/index.ts', 'src/testing.ts']) {
    for (const name of bySource.get(entry)?.exported ?? []) {
      const home = name.from === undefined ? entry : `src/${name.from.replace(/^\.\.?\//, '')}`;
      const declared = bySource.get(home)?.exported.find((other) => other.name === name.name);
      if (declared !== undefined && declared.from === undefined && !declared.documented) {
        faults.push(`${home}:${declared.line}: the public name '${name.name}' has no TSDoc`);
      }
    }
  }
  return faults;
}
