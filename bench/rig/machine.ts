/**
 * Where a bench runs: processor, memory, system, the disk under its scratch directory, Node and commit. Figures mean
 * nothing without it. Scratch directories go to `BENCH_DIR`, else to the system's temporary directory.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem, type as systemType } from 'node:os';
import { join } from 'node:path';

/** Magic numbers of statfs(2): a bench of durability on the second says nothing. */
const FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x01021994, 'tmpfs, nothing is durable'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x794c7630, 'overlayfs'],
]);

function scratchRoot(): string {
  return process.env['BENCH_DIR'] ?? tmpdir();
}

/** The machine in one line. */
export function machineText(): string {
  const all = cpus();
  const disk = FILE_SYSTEMS.get(statfsSync(scratchRoot()).type) ?? 'a file system of another kind';
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${all[0]?.model ?? 'unknown processor'} × ${all.length}, ${memory}, ${systemType()} ${release()}, ${disk}`;
}

/** The commit that is checked out, with a `+` when the tree differs from it. */
export function commitText(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return (
      git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', 'src', 'actors') === '' ? '' : '+')
    );
  } catch {
    return 'unknown';
  }
}

/** Runs `work` with a directory of its own, removed afterwards. */
export async function withScratch<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(scratchRoot(), 'synapse-bench-'));
  try {
    return await work(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
