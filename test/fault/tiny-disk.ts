/** A tiny file system of its own (tmpfs): a disk that is full for real. Root on Linux only. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export class TinyDisk {
  readonly at: string;

  private constructor(at: string) {
    this.at = at;
  }

  /** Mounts it, or tells why there is none. */
  static mount(at: string, sizeKib: number): TinyDisk | string {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux to mount a tmpfs';
    mkdirSync(at, { recursive: true });
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeKib}k`, 'tmpfs', at], { stdio: 'pipe' });
    } catch (error) {
      return `cannot mount a tmpfs: ${String(error)}`;
    }
    return new TinyDisk(at);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.at);
    return bavail * bsize;
  }

  get #filler(): string {
    return join(this.at, 'filler');
  }

  /** Takes all the space there is. */
  fill(): void {
    writeFileSync(this.#filler, new Uint8Array(this.freeBytes));
  }

  /** Gives it back. */
  free(): void {
    rmSync(this.#filler, { force: true });
  }

  unmount(): void {
    execFileSync('umount', ['--lazy', this.at], { stdio: 'pipe' });
  }
}
