/**
 * Mutants of the system: a patch of one line each under `test/sim/mutants/`, applied to a copy of the tree
 * that is built and searched for violations. The tree itself is never touched.
 *
 *   # What is planted, in one sentence.
 *   diff --git a/src/… b/src/…
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository: this file runs as `dist/test/sim/mutant-tree.js`. */
export const TOP: string = fileURLToPath(new URL('../../../', import.meta.url));

const PATCHES = join(TOP, 'test/sim/mutants');

/** What a copy needs: the system, its simulation, and what builds both. */
const COPIED = ['src', 'test/sim', 'package.json', 'tsconfig.json'];

/** One planted bug. */
export interface Mutant {
  readonly name: string;
  /** What is planted. */
  readonly bug: string;
  readonly path: string;
  readonly patch: string;
}

/** All mutants, by name. */
export function readMutants(): readonly Mutant[] {
  return readdirSync(PATCHES)
    .filter((file) => file.endsWith('.patch'))
    .sort()
    .map((file) => {
      const path = join(PATCHES, file);
      const patch = readFileSync(path, 'utf8');
      return { name: file.replace(/\.patch$/, ''), bug: /^# (.+)$/m.exec(patch)?.[1] ?? '', path, patch };
    });
}

/** Lines that a patch takes out and puts in. */
export function linesOf(patch: string): { readonly out: number; readonly in: number } {
  const lines = patch.split('\n');
  const count = (sign: string): number =>
    lines.filter((line) => line.startsWith(sign) && !line.startsWith(sign.repeat(3))).length;
  return { out: count('-'), in: count('+') };
}

/** Why a patch does not apply to the tree; nothing where it does. */
export function applyFault({ path }: Mutant): string | undefined {
  try {
    execFileSync('git', ['apply', '--check', path], { cwd: TOP, stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return String((error as { stderr?: Buffer }).stderr ?? error).trim();
  }
}

/** A copy of the tree in a temporary directory, for one mutant at a time. */
export class MutantTree {
  readonly dir: string = mkdtempSync(join(tmpdir(), 'synapse-mutant-'));

  constructor() {
    const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--', ...COPIED], { cwd: TOP });
    for (const file of tracked.toString().trim().split('\n')) {
      mkdirSync(dirname(join(this.dir, file)), { recursive: true });
      cpSync(join(TOP, file), join(this.dir, file));
    }
    symlinkSync(join(TOP, 'node_modules'), join(this.dir, 'node_modules'));
    const compilerOptions = { noCheck: true, declaration: false }; // types were checked when the tree was built
    const only = {
      extends: './tsconfig.json',
      compilerOptions,
      include: ['src', 'test/sim'],
      exclude: ['**/*.test.ts'],
    };
    writeFileSync(join(this.dir, 'tsconfig.mutant.json'), JSON.stringify(only));
  }

  /** Builds the tree as it is, or with a mutant in it. Throws, with the compiler's words, where that fails. */
  build(mutant: Mutant | undefined): void {
    if (mutant !== undefined) this.#git('apply', mutant.path);
    try {
      const compiler = join(this.dir, 'node_modules/typescript/bin/tsc');
      execFileSync(process.execPath, [compiler, '-p', 'tsconfig.mutant.json'], { cwd: this.dir, stdio: 'pipe' });
    } catch (error) {
      throw new Error(String((error as { stdout?: Buffer }).stdout ?? error), { cause: error });
    } finally {
      if (mutant !== undefined) this.#git('apply', '--reverse', mutant.path);
    }
  }

  #git(...args: readonly string[]): void {
    execFileSync('git', args, { cwd: this.dir, stdio: 'pipe' });
  }

  /** Leaves nothing behind. */
  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
