/**
 * Exclusive ownership of a dataDir, against other processes and against this one (other threads and
 * other copies of this module included). Free again at once when its holder is killed.
 *
 * Every contender creates a file of its own, whose unique name says who it is, and then looks for others:
 *   synapse.lock.<pid>.<start time of the process>.<boot id>.<random>     content: "" claims, "held" holds
 * The file of a dead process is removed (names are never used twice, so no live one can be hit by
 * mistake); a live one that holds, or that claims under a smaller name, wins. Whoever creates its file
 * later sees the earlier one, so two can never hold. Not covered: processes that do not see each
 * other's pids (containers that share a volume) and network file systems.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, realpathSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SynapseError } from '../base/error.ts';
import { hexOf } from '../base/hash.ts';
import { makeDirectory, messageOf } from './directory.ts';

const PREFIX = 'synapse.lock.';
const HELD = 'held';

/** A rival that claims at the same moment decides within microseconds; a second means it hangs: give way. */
const CLAIM_PATIENCE_MS = 1_000;
const CLAIM_PAUSE_MS = 2;

/** An acquired lock. */
export interface DirectoryLock {
  /** Gives the directory free. Idempotent. */
  release(): void;
}

/**
 * Takes `dir` (made when missing) for this holder alone, or throws `STORE_LOCKED` at once.
 * Symbolic links to one directory are one lock. The lock belongs to the process: a thread that ends
 * without releasing it leaves it held, so take it where the system lives, not in a thread that may be replaced.
 */
export function acquireLock(dir: string): DirectoryLock {
  try {
    makeDirectory(dir);
    return claim(realpathSync(dir));
  } catch (error) {
    if (error instanceof SynapseError) throw error;
    throw new SynapseError('STORE_UNAVAILABLE', `cannot lock ${dir}: ${messageOf(error)}`, { dir }, error);
  }
}

function claim(dir: string): DirectoryLock {
  const own = `${PREFIX}${process.pid}.${startOf(process.pid) ?? '0'}.${bootId()}.${hexOf(randomBytes(8))}`;
  const path = join(dir, own);
  writeFileSync(path, '', { flag: 'wx' });
  try {
    const deadline = performance.now() + CLAIM_PATIENCE_MS;
    for (;;) {
      const rivals = liveRivals(dir, own);
      if (rivals.length === 0) break;
      const winner =
        rivals.find((rival) => rival.held || rival.name < own) ??
        (performance.now() > deadline ? rivals[0] : undefined);
      if (winner !== undefined) throw locked(dir, winner.name);
      // Smaller names win among those that claim; a larger one is about to hold or to give way.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, CLAIM_PAUSE_MS);
    }
    writeFileSync(path, HELD);
  } catch (error) {
    remove(path);
    throw error;
  }
  let released = false;
  return {
    release: () => {
      if (!released) remove(path);
      released = true;
    },
  };
}

interface Rival {
  readonly name: string;
  readonly held: boolean;
}

/** Claims and holders other than `own` whose process lives; files of dead ones are removed. */
function liveRivals(dir: string, own: string): readonly Rival[] {
  const rivals: Rival[] = [];
  for (const name of readdirSync(dir)) {
    if (!name.startsWith(PREFIX) || name === own) continue;
    const path = join(dir, name);
    if (!lives(name)) remove(path);
    else {
      const content = readIfThere(path);
      if (content !== undefined) rivals.push({ name, held: content === HELD });
    }
  }
  return rivals;
}

function lives(name: string): boolean {
  const [pidText, start, boot] = name.slice(PREFIX.length).split('.');
  const pid = Number(pidText);
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  if (boot !== bootId()) return false; // written before this machine was started
  const actual = startOf(pid);
  if (actual !== undefined) return actual === start; // else the pid was given to another process
  return hasProc() ? false : answers(pid);
}

/** Start time of a process in clock ticks, from field 22 of /proc/<pid>/stat; nothing for a dead one or a zombie. */
function startOf(pid: number): string | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // field 2, the command, may hold anything
  const [state] = fields;
  return state === 'Z' || state === 'X' ? undefined : fields[19];
}

function bootId(): string {
  return (readIfThere('/proc/sys/kernel/random/boot_id') ?? '0').trim().replaceAll('-', '').slice(0, 12);
}

function hasProc(): boolean {
  return readIfThere('/proc/self/stat') !== undefined;
}

function answers(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined; // ESRCH: the process ended while it was read
    throw error;
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function locked(dir: string, name: string): SynapseError {
  const pid = Number(name.slice(PREFIX.length).split('.')[0]);
  const who = pid === process.pid ? 'another system in this process' : `process ${pid}`;
  return new SynapseError('STORE_LOCKED', `${dir} is open in ${who}`, { dir, pid });
}
