/**
 * The package as its user gets it: packed, installed into an empty folder, run with actors in plain
 * JavaScript there, and type-checked from TypeScript there.
 *
 * Runs with the Node of the tests and, where NODE24 names its binary, with that one as well.
 * It needs the registry (or npm's cache) for the package's own dependencies.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Script } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cachedFor, cacheFile } from '../src/runtime/code-cache.ts';
import { readmeBlocks } from './readme-blocks.ts';

const run = promisify(execFile);

/** The repository: this file runs as `dist/test/package.test.js`. */
const TOP = fileURLToPath(new URL('../../', import.meta.url));

/** An install from a cold cache on a slow line takes minutes; a hang should still end. */
const INSTALL_TIMEOUT_MS = 300_000;

/** The README's own, in plain JavaScript. */
const readme = readmeBlocks();

const MAIN = `
import { createSystem, SynapseError } from 'synapse-actors';
import { account } from './account.js';

const system = await createSystem({ actors: new URL('./account.js', import.meta.url), dataDir: process.argv[2] });
const alice = system.ref(account, 'acme', 'alice');
const before = await alice.balance();
const after = await alice.deposit(10);
const refusal = await alice.deposit(-1).catch((error) => error);
console.log(JSON.stringify({ before, after, code: refusal instanceof SynapseError ? refusal.code : 'none' }));
await system.close();
`;

const TYPED = `
import { actor, createSystem, Refusal, type SynapseError } from 'synapse-actors';

export const account = actor('account', {
  state: () => ({ balance: 0 }),
  commands: {
    deposit(ctx, amount: number) {
      if (amount <= 0) throw new Refusal('amount must be positive', { amount });
      ctx.state.balance += amount;
      return ctx.state.balance;
    },
  },
  queries: { balance: (ctx) => ctx.state.balance },
});

const system = await createSystem({ actors: new URL('./account.js', import.meta.url) });
const alice = system.ref(account, 'acme', 'alice');
export const balance: number = await alice.deposit(10);
// @ts-expect-error a command's argument keeps its type across the package's border
await alice.deposit('ten');
export const code: SynapseError['code'] = 'REFUSED';
await system.close();
`;

const nodes: readonly (readonly [string, string])[] = [
  [`Node ${process.versions.node}`, process.execPath],
  ...(process.env['NODE24'] === undefined ? [] : [['Node 24', process.env['NODE24']] as const]),
];
const lacksNode24 = process.env['NODE24'] === undefined;

let folder: string;
let packed: readonly string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'synapse-package-'));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: TOP });
  packed = filesOf(stdout);
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  await writeFile(join(folder, 'package.json'), '{ "name": "somewhere-else", "private": true, "type": "module" }\n');
  for (const name of ['hello.js', 'account.js']) await writeFile(join(folder, name), readme.get(name) ?? '');
  await writeFile(join(folder, 'main.js'), MAIN);
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`], { cwd: folder });
}, INSTALL_TIMEOUT_MS);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const EXPECTED =
  /^(package\.json|README\.md|LICENSE|dist\/(src|actors)\/.+\.(js|d\.ts)|dist\/src\/(third-party\.txt|shared\.cjs|runtime\/(lane|store)-((entry|code)\.cjs|code\..+\.cache)))$/;

// Only while the runtime is being built: nothing can be packed before there is a system.
const isBuilt = existsSync(join(TOP, 'dist/src/system.js'));

describe.skipIf(!isBuilt)('the packed package', () => {
  it('holds what runs, its types, its licence and its readme, and nothing else', () => {
    const strange = packed.filter((path) => !EXPECTED.test(path));
    expect(strange).toEqual([]);
    for (const path of ['package.json', 'README.md', 'LICENSE', 'dist/src/index.js', 'dist/src/index.d.ts']) {
      expect(packed).toContain(path);
    }
    // What the build's last step makes: an opening that went without it would be slower, and nobody would notice.
    expect(packed).toContain('dist/src/shared.cjs');
    const engine = readFileSync(join(TOP, 'dist/src/runtime/system-opening.js'), 'utf8');
    for (const thread of ['lane', 'store']) {
      const code = `dist/src/runtime/${thread}-code.cjs`;
      for (const path of [code, cacheFile(code)]) expect(packed).toContain(path);
      expect(engine).toContain(`${thread}-entry.cjs`);
      // Not only there, but taken: a cache that is refused would be an opening that is slower.
      const text = readFileSync(join(TOP, code));
      const cachedData = cachedFor(join(TOP, code), text);
      if (cachedData === undefined) throw new Error(`${code} has no cache that was made of it`);
      expect(new Script(text.toString('latin1'), { filename: code, cachedData }).cachedDataRejected).toBe(false);
    }
    expect(packed.filter((path) => /^dist\/actors\/.+\.js$/.test(path))).not.toEqual([]);
  });

  it('brings the licences of the packages whose code is in its files', () => {
    expect(packed).toContain('dist/src/third-party.txt');
    const licences = readFileSync(join(TOP, 'dist/src/third-party.txt'), 'utf8');
    for (const name of ['lmdb', 'comlink']) {
      expect(licences).toContain(readFileSync(join(TOP, `node_modules/${name}/LICENSE`), 'utf8').trim());
    }
  });

  it.each(nodes)('runs the first example of the readme twice, and it goes on counting, on %s', async (_name, node) => {
    await rm(join(folder, 'hello-data'), { recursive: true, force: true });
    const visit = async (): Promise<string> => (await run(node, ['hello.js'], { cwd: folder })).stdout;
    expect(await visit()).toBe('visit number 1\n');
    expect(await visit()).toBe('visit number 2\n');
  });

  it.each(nodes)('runs an actor of its user, and finds its state again, on %s', async (_name, node) => {
    const place = await mkdtemp(join(folder, 'store-'));
    const example = async (): Promise<unknown> =>
      JSON.parse((await run(node, ['main.js', place], { cwd: folder })).stdout);
    expect(await example()).toEqual({ before: 0, after: 10, code: 'REFUSED' });
    expect(await example()).toEqual({ before: 10, after: 20, code: 'REFUSED' });
  });

  it.each(nodes)('answers --help on %s', async (_name, node) => {
    const main = join(folder, 'node_modules/synapse-actors/dist/src/cli/main.js');
    const { stdout } = await run(node, [main, '--help'], { cwd: folder });
    for (const command of ['run', 'inspect', 'backup', 'prove', 'verify-receipt'])
      expect(stdout).toMatch(new RegExp(`^ +${command} `, 'm'));
  });

  it('says what to install where an actor is hardened and ses is not there', async () => {
    const actors = `import { actor } from 'synapse-actors';
export const tough = actor('tough', { hardened: true, state: () => ({}), queries: { one: () => 1 } });`;
    const script = `import { createSystem } from 'synapse-actors';
await createSystem({ actors: new URL('./tough.js', import.meta.url) }).catch((error) => console.log(error.code, error.message));`;
    await writeFile(join(folder, 'tough.js'), actors);
    await writeFile(join(folder, 'tough-main.js'), script);
    const { stdout } = await run(process.execPath, ['tough-main.js'], { cwd: folder });
    expect(stdout).toMatch(/^INVALID_ARGUMENT .* needs the package ses: run npm install ses/);
  });

  it('puts the command synapse where npx finds it', async () => {
    const { stdout } = await run('npx', ['--no-install', 'synapse', '--help'], { cwd: folder });
    expect(stdout).toContain('Usage: synapse');
  });

  it('brings actors that are ready to use', async () => {
    const script = `const { counter } = await import('synapse-actors/actors/counter'); console.log(typeof counter);`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: folder });
    expect(stdout.trim()).not.toBe('undefined');
  });

  it('brings verifiers that need nothing of the system', async () => {
    const script = `import { leafHashOf, verifyInclusion } from 'synapse-actors/audit';
      const hash = leafHashOf(new Uint8Array(3));
      console.log(verifyInclusion({ leafHash: hash, index: 0, size: 1, proof: [], root: hash }));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: folder });
    expect(stdout).toBe('true\n');
  });

  it('brings its types to a strict TypeScript user', async () => {
    const place = join(folder, 'typed');
    await mkdir(place);
    await writeFile(join(place, 'account.ts'), TYPED);
    const options = {
      strict: true,
      exactOptionalPropertyTypes: true,
      module: 'NodeNext',
      target: 'ES2024',
      noEmit: true,
      typeRoots: [join(TOP, 'node_modules/@types')],
      types: ['node'],
    };
    await writeFile(join(place, 'tsconfig.json'), JSON.stringify({ compilerOptions: options }));
    const compiler = join(TOP, 'node_modules/typescript/bin/tsc');
    const complaint = await run(process.execPath, [compiler, '-p', place], { cwd: place }).then(
      () => '',
      (error: { stdout: string }) => error.stdout,
    );
    expect(complaint).toBe('');
  });

  it('is tried on Node 24', (context) => {
    if (lacksNode24) {
      const reason = 'NODE24 is not set to the binary of a Node 24';
      console.log(`SKIPPED: ${reason}`);
      context.skip(reason);
    }
    expect(nodes.map(([name]) => name)).toContain('Node 24');
  });
});

/** Paths in the tarball, from `npm pack --json`; npm 11 prints a list, npm 12 a record by package name. */
function filesOf(output: string): readonly string[] {
  const parsed = JSON.parse(output) as Record<string, { files: readonly { path: string }[] }>;
  return Object.values(parsed).flatMap((entry) => entry.files.map(({ path }) => path));
}
