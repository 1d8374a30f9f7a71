/**
 * The README says nothing that does not run: each of its examples is written to a folder of its own and
 * run there, the first one stands line for line in `examples/`, and its links lead somewhere.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readmeBlocks } from './readme-blocks.ts';

const run = promisify(execFile);

/** The repository: this file runs as `dist/test/readme.test.js`. */
const TOP = fileURLToPath(new URL('../../', import.meta.url));

const blocks = readmeBlocks();
let folder: string;

beforeAll(async () => {
  // Inside the package, so that `synapse-actors` means this one.
  folder = await mkdtemp(join(TOP, 'dist/readme-'));
  for (const [name, text] of blocks) await writeFile(join(folder, name), text);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function output(name: string): Promise<string> {
  return (await run(process.execPath, [name], { cwd: folder })).stdout;
}

describe('the README', () => {
  it('shows ten lines first, the ones of examples/hello.ts', () => {
    const first = blocks.get('hello.js') ?? '';
    expect(first.trimEnd().split('\n')).toHaveLength(10);
    const example = readFileSync(join(TOP, 'examples/hello.ts'), 'utf8');
    expect(example.slice(example.indexOf('*/\n') + 3)).toBe(first);
  });

  it('names a file for each of its other blocks', () => {
    expect([...blocks.keys()]).toEqual(['hello.js', 'account.js', 'main.js', 'account.test.js']);
  });

  it('has a first example that goes on counting', async () => {
    expect(await output('hello.js')).toBe('visit number 1\n');
    expect(await output('hello.js')).toBe('visit number 2\n');
  });

  it('has a program that prints what its comments say', async () => {
    expect(await output('main.js')).toBe('REFUSED { amount: -1 }\n16\n');
  });

  it('has a test of an actor that passes', async () => {
    expect(await output('account.test.js')).toBe('');
  });

  it.each(['README.md', 'docs/README.md', 'docs/architecture.md', 'docs/supervision.md', 'docs/audit.md'])(
    'has a target for each link of %s',
    (path) => {
      const text = readFileSync(join(TOP, path), 'utf8');
      const dead: string[] = [];
      for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(target)) continue;
        const [file = '', anchor] = target.split('#');
        const place = file === '' ? join(TOP, path) : join(TOP, dirname(path), file);
        if (!existsSync(place)) dead.push(target);
        else if (anchor !== undefined && !anchorsOf(place).has(anchor)) dead.push(target);
      }
      expect(dead).toEqual([]);
    },
  );
});

/** Anchors of a page's headings, as GitHub makes them. */
function anchorsOf(place: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, title = ''] of readFileSync(place, 'utf8').matchAll(/^#+ (.+)$/gm)) {
    anchors.add(
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    );
  }
  return anchors;
}
