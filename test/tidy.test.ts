/**
 * Holds the tree to the house rules: floors, cycles, sizes, words, heads, dead files, leftovers.
 *
 * Each rule stands in one table with a violation of itself; the rule runs over the tree, where it
 * must stay silent, and over its violation, where it must not.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  barrelFaults,
  cycleFaults,
  deadFaults,
  FLOORS,
  floorFaults,
  specifierFaults,
  technologyFaults,
  userFaults,
  verifierFaults,
} from './tidy/graph.ts';
import {
  clockFaults,
  errorFaults,
  formFaults,
  headFaults,
  kernelFaults,
  leftoverFaults,
  publicNameFaults,
  sizeFaults,
  wordFaults,
} from './tidy/rules.ts';
import { parseSource, type Source } from './tidy/source.ts';
import { entriesOf, machineFaults, type Manifest, manifestFaults, testFolderFaults, topFaults } from './tidy/tree.ts';

/** The repository: this file runs as `dist/test/tidy.test.js`. */
const TOP = fileURLToPath(new URL('../../', import.meta.url));

/** A tree to judge: every tracked text file, and those that are source parsed. */
interface Tree {
  readonly files: ReadonlyMap<string, string>;
  readonly sources: readonly Source[];
  readonly entries: readonly string[];
}

/** A rule, and files that break it, each of them once. */
interface Rule {
  readonly name: string;
  readonly check: (tree: Tree) => readonly string[];
  readonly violations: readonly Readonly<Record<string, string>>[];
}

const HEAD = '/**\n * A head that says something,\n * in two lines.\n */\n';
const ROOMS = new Set(Object.keys(FLOORS));
const longFunction = `function long() {\n${'  0;\n'.repeat(69)}}\n`;

const RULES: readonly Rule[] = [
  {
    name: 'a room imports only from rooms on lower floors',
    check: ({ sources }) => floorFaults(sources),
    violations: [
      { 'src/base/a.ts': "import { b } from '../frame/b.ts';" },
      { 'src/frame/a.ts': "import type { B } from '../mailbox/b.ts';" },
      { 'src/frame/a.ts': "export type { B } from '../merkle/b.ts';" },
      { 'src/store/a.ts': "const b = await import('../audit/b.ts');" },
      { 'src/store/a.ts': "let b: import('../runtime/b.ts').B;" },
      { 'src/store/a.ts': "new URL('../runtime/b.js', import.meta.url);" },
      { 'src/runtime/a.ts': "export * from '../system.ts';" },
      { 'src/testing/a.ts': "import '../runtime/b.ts';" },
      { 'src/cli/a.ts': "import { b } from 'synapse-actors';" },
      { 'src/cli/a.ts': "import { b } from '../../actors/b.ts';" },
      { 'src/attic/a.ts': '' },
      { 'src/loose.ts': '' },
    ],
  },
  {
    name: 'actors and examples use the package by its name',
    check: ({ sources }) => userFaults(sources),
    violations: [
      { 'actors/a.ts': "import { b } from '../src/actor/b.ts';" },
      { 'examples/a.ts': "import type { B } from '../src/index.ts';" },
    ],
  },
  {
    name: 'relative imports name the file on disk, URLs the emitted one',
    check: ({ sources }) => specifierFaults(sources),
    violations: [
      { 'src/base/a.ts': "import { b } from './b.js';", 'src/base/b.ts': '' },
      { 'src/base/a.ts': "new URL('./b.ts', import.meta.url);", 'src/base/b.ts': '' },
      { 'src/base/a.ts': "new URL('./missing.js', import.meta.url);" },
    ],
  },
  {
    name: 'a technology stays in its room, and the lower rooms do no I/O',
    check: ({ sources }) => technologyFaults(sources),
    violations: [
      { 'src/runtime/a.ts': "import { open } from 'lmdb';" },
      { 'src/actor/a.ts': "import { readFile } from 'node:fs/promises';" },
      { 'src/actor/a.ts': "import { Worker } from 'node:worker_threads';" },
      { 'src/store/a.ts': "import { sha256 } from '@noble/hashes/sha2.js';" },
    ],
  },
  {
    name: 'what an outsider verifies with needs nothing of the system, and nothing of Node',
    check: ({ sources }) => verifierFaults(sources),
    violations: [
      { 'src/audit/a.ts': "import { sha256 } from 'node:crypto';" },
      { 'src/audit/a.ts': "import { sha256 } from '../base/hash.ts';" },
      { 'src/audit/a.ts': "import type { Frame } from '../frame/frame.ts';" },
    ],
  },
  {
    name: 'no file imports itself through others',
    check: ({ sources }) => cycleFaults(sources),
    violations: [
      {
        'src/base/a.ts': "import { b } from './b.ts';",
        'src/base/b.ts': "import type { C } from './c.ts';",
        'src/base/c.ts': "export * from './a.ts';",
      },
      { 'src/base/a.ts': "import { a } from './a.ts';" },
    ],
  },
  {
    name: 'every file of src is reached from an entry of the package',
    check: ({ sources, entries }) => deadFaults(sources, entries),
    violations: [
      { 'src/index.ts': '', 'src/base/dead.ts': '' },
      { 'package.json': '{"bin":{"synapse":"dist/src/cli/missing.js"}}' },
    ],
  },
  {
    name: 'only the faces of the package hand on names without having any',
    check: ({ sources }) => barrelFaults(sources),
    violations: [
      { 'src/base/a.ts': "export * from './b.ts';" },
      { 'src/base/index.ts': 'export const a = 1;' },
      { 'src/base/a.ts': "import './b.ts';\nexport { b } from './b.ts';" },
    ],
  },
  {
    name: 'files have at most 400 lines, shipped functions at most 70',
    check: ({ sources }) => sizeFaults(sources),
    violations: [
      { 'test/a.ts': '0;\n'.repeat(401) },
      { 'src/base/a.ts': longFunction },
      { 'actors/a.ts': `export const a = { ${longFunction.replace('function ', '')} };` },
      { 'src/base/a.ts': `const a = () => ${longFunction.replace('function long() ', '')}` },
    ],
  },
  {
    name: 'every file starts with a head comment that says something',
    check: ({ sources }) => headFaults(sources),
    violations: [
      { 'src/base/a.ts': 'export const a = 1;' },
      { 'src/base/a.ts': '// no block\nexport const a = 1;' },
      { 'src/base/a.ts': 'export const a = 1;\n/** Late. */' },
      { 'src/base/a.ts': '/** One line. */\nexport const a = 1;' },
      { 'src/base/a.ts': `/**\n${' * words\n'.repeat(16)} */` },
      { 'bench/a.ts': '/**\n * Question: how fast?\n * And no guess.\n */' },
    ],
  },
  {
    name: 'names are kebab-case, say what they are and put units last',
    check: ({ sources }) => wordFaults(sources),
    violations: [
      { 'src/base/string-utils.ts': '' },
      { 'test/store/helpers.ts': '' },
      { 'src/base/camelCase.ts': '' },
      { 'src/base/a.ts': 'export class LaneManager {}' },
      { 'src/base/a.ts': 'export const actorInfo = 1;' },
      { 'src/base/a.ts': 'export interface StoreData {}' },
      { 'src/base/a.ts': 'export interface IStore {}' },
      { 'src/base/a.ts': 'export class StoreBase {}' },
      { 'src/base/a.ts': 'export type StoreImpl = 1;' },
      { 'src/base/a.ts': 'export const msTimeout = 1;' },
      { 'src/base/a.ts': 'export const TURN_TIMEOUT = 1;' },
    ],
  },
  {
    name: 'no default export, private keyword, enum or namespace',
    check: ({ sources }) => formFaults(sources),
    violations: [
      { 'src/base/a.ts': 'export default 1;' },
      { 'src/base/a.ts': 'const a = 1;\nexport { a as default };' },
      { 'src/base/a.ts': 'export class A { private b = 1; }' },
      { 'src/base/a.ts': 'export enum A { b }' },
      { 'src/base/a.ts': 'export namespace A { export const b = 1; }' },
    ],
  },
  {
    name: 'an error has a code, or is a bug',
    check: ({ sources }) => errorFaults(sources),
    violations: [{ 'src/store/a.ts': "throw new Error('full');" }, { 'src/store/a.ts': "throw Error('full');" }],
  },
  {
    name: 'the kernel asks no clock and no chance',
    check: ({ sources }) => kernelFaults(sources),
    violations: [
      { 'src/actor/a.ts': 'Date.now();' },
      { 'src/actor/a.ts': 'new Date();' },
      { 'src/actor/a.ts': 'Math.random();' },
      { 'src/actor/a.ts': 'setTimeout(() => {}, 1);' },
    ],
  },
  {
    name: 'no test expects something of the wall clock',
    check: ({ sources }) => clockFaults(sources),
    violations: [
      { 'test/a.ts': 'expect(Date.now() - start).toBeLessThan(5);' },
      { 'test/a.ts': 'expect(elapsedMs).toBeLessThan(5);' },
    ],
  },
  {
    name: 'nothing is left half done',
    check: ({ files }) => leftoverFaults(files),
    violations: [
      { 'test/a.ts': ['it', "only('x', () => {});"].join('.') },
      { 'test/a.ts': ['it', "todo('x');"].join('.') },
      { 'src/base/a.ts': `// ${['FIX', 'ME'].join('')} later` },
      { 'src/base/a.ts': `// ${['TO', 'DO'].join('')} later` },
      { 'src/base/a.ts': `// @ts-${'ignore'}` },
      { 'src/base/a.ts': `// oxlint-${'disable-next-line'} no-console` },
    ],
  },
  {
    name: 'every public name is documented where it is declared',
    check: ({ sources }) => publicNameFaults(sources),
    violations: [
      { 'src/index.ts': "export { a } from './base/a.ts';", 'src/base/a.ts': `${HEAD}0;\nexport const a = 1;` },
      { 'src/index.ts': "export type { A } from './base/a.ts';", 'src/base/a.ts': `${HEAD}0;\nexport interface A {}` },
    ],
  },
  {
    name: 'only known entries stand at the top',
    check: ({ files }) => topFaults(files.keys()),
    violations: [{ 'notes.txt': '' }, { 'lib/a.ts': '' }],
  },
  {
    name: 'test folders mirror rooms',
    check: ({ files }) => testFolderFaults(files.keys(), ROOMS),
    violations: [{ 'test/attic/a.ts': '' }],
  },
  {
    name: 'no tracked file names a registry or a place on one machine',
    check: ({ files }) => machineFaults(files, [TOP, `${homedir()}/`]),
    violations: [
      { 'package-lock.json': `"resolved": "${'https'}://example.org/a.tgz"` },
      { 'docs/a.md': `see ${['', 'home', 'someone', 'notes'].join('/')}` },
      { 'docs/a.md': `see ${TOP}docs` },
    ],
  },
  {
    name: 'dependencies are pinned, exports are typed',
    check: ({ files }) => manifestFaults(manifestOf(files)),
    violations: [
      { 'package.json': '{"dependencies":{"lmdb":"^3.5.6"}}' },
      { 'package.json': '{"exports":{".":{"default":"./a.js","types":"./a.d.ts"}}}' },
      { 'package.json': '{"exports":{".":"./a.js"}}' },
    ],
  },
];

const here = treeOf(readTree());

describe('the tree', () => {
  for (const rule of RULES) it(`${rule.name}`, () => expect(rule.check(here)).toEqual([]));
});

describe('each rule sees its violation', () => {
  for (const rule of RULES) {
    for (const violation of rule.violations) {
      it(`${rule.name}: ${titleOf(violation)}`, () => {
        expect(rule.check(treeOf(new Map(Object.entries(violation))))).toHaveLength(1);
      });
    }
  }
});

describe('what must not be mistaken for a violation', () => {
  it('words in strings and comments are no code', () => {
    const text = `${HEAD}// import '../cli/main.ts'\nexport const a = "import { b } from '../cli/b.ts'; Date.now()";\n`;
    const tree = treeOf(new Map([['src/actor/a.ts', text]]));
    for (const check of [floorFaults, technologyFaults, kernelFaults, headFaults])
      expect(check(tree.sources)).toEqual([]);
  });

  it('a drawing in a head is not counted as prose', () => {
    const head = `/**\n * A layout,\n * drawn.\n * \`\`\`\n${' * | a | b |\n'.repeat(40)} * \`\`\`\n */\n`;
    expect(headFaults(treeOf(new Map([['src/base/a.ts', head]])).sources)).toEqual([]);
  });

  it("a thread's URL back to its own room closes no circle", () => {
    const files = { 'src/base/a.ts': "new URL('./b.js', import.meta.url);", 'src/base/b.ts': "import './a.ts';" };
    expect(cycleFaults(treeOf(new Map(Object.entries(files))).sources)).toEqual([]);
  });
});

describe('the lint configuration', () => {
  it.each([
    ['a function over 70 lines', longFunction, 'max-lines-per-function'],
    ['an any', 'export const a: any = 1;\n', 'no-explicit-any'],
    ['a default export', 'export default 1;\n', 'no-default-export'],
    ['a promise left floating', 'async function f(): Promise<void> {}\nf();\n', 'no-floating-promises'],
  ])('refuses %s', (_what, text, rule) => {
    expect(lint(text)).toContain(rule);
  });
});

/** The first line of the violation, or its path when it is an empty file. */
function titleOf(violation: Readonly<Record<string, string>>): string {
  const [path = '', text = ''] = Object.entries(violation)[0] ?? [];
  const line = text.split('\n').find((candidate) => /\w/.test(candidate));
  return line === undefined ? path : line.trim().slice(0, 60);
}

function lint(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'synapse-lint-'));
  try {
    writeFileSync(join(folder, 'sample.ts'), text);
    writeFileSync(join(folder, 'tsconfig.json'), '{"compilerOptions":{"strict":true,"types":[],"target":"ES2024"}}');
    const linter = join(TOP, 'node_modules/oxlint/bin/oxlint');
    execFileSync(process.execPath, [linter, '--type-aware', '-c', join(TOP, '.oxlintrc.json'), 'sample.ts'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: 'pipe',
    });
    return 'no complaint';
  } catch (error) {
    return String((error as { stdout?: unknown }).stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function treeOf(files: ReadonlyMap<string, string>): Tree {
  const code = [...files].filter(([path]) => path.endsWith('.ts') && !path.endsWith('.d.ts'));
  const sources = code.map(([path, text]) => parseSource(path, text));
  const entries = entriesOf(manifestOf(files), [...files.keys()]);
  // The build's last step is one too: it puts before a thread's code what reads it.
  if (files.has('esbuild.config.ts')) entries.push('esbuild.config.ts');
  return { files, sources, entries: entries.length === 0 ? ['src/index.ts'] : entries };
}

function manifestOf(files: ReadonlyMap<string, string>): Manifest {
  return JSON.parse(files.get('package.json') ?? '{}') as Manifest;
}

/** Every file git tracks or would track. */
function readTree(): Map<string, string> {
  const list = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: TOP,
    encoding: 'utf8',
  });
  const paths = list.split('\0').filter((path) => path !== '' && existsSync(join(TOP, path)));
  return new Map(paths.map((path) => [path, readFileSync(join(TOP, path), 'utf8')]));
}
