/**
 * One run of an arm in a process of its own: the bench's file is started again with `--arm` and says what it measured
 * on a line of standard output that begins with a mark, since peers print there too. The run has a time limit.
 */
import { spawn } from 'node:child_process';
import { assert } from '../../src/base/assert.ts';
import type { Bench, Measure, Seen } from './bench.ts';

const MARK = 'MEASURES ';
/** Standard error kept for a message when an arm fails: its end says why. */
const COMPLAINT_MAX_CHARS = 4_000;
const ARM_TIMEOUT_MS = 300_000;

/** What the parent tells an arm's process. */
interface Order {
  readonly arm: string;
  readonly part: string;
  readonly isQuick: boolean;
  readonly seen: Seen;
}

export interface ArmRun extends Order {
  readonly file: string;
  readonly timeoutMs: number | undefined;
  readonly nodeFlags: readonly string[] | undefined;
}

/** Starts `file` for one run of an arm; throws with the end of its standard error where it fails. */
export function runArm({
  file,
  timeoutMs = ARM_TIMEOUT_MS,
  nodeFlags = [],
  ...order
}: ArmRun): Promise<readonly Measure[]> {
  const child = spawn(process.execPath, [...nodeFlags, file, '--arm', JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let output = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (complaint = (complaint + text).slice(-COMPLAINT_MAX_CHARS)));
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      const line = output.split('\n').find((text) => text.startsWith(MARK));
      if (status === 0 && line !== undefined) return resolve(JSON.parse(line.slice(MARK.length)) as Measure[]);
      const how = signal === null ? `ended with status ${status}` : `was ended by ${signal} (limit ${timeoutMs} ms)`;
      reject(new Error(`arm '${order.arm}' ${order.part} ${how}\n${complaint}`));
    });
  });
}

/** The other side: runs the arm that the parent asked for and ends the process. */
export async function obeyOrder<Parameters>(bench: Bench<Parameters>, text: string): Promise<void> {
  const { arm: name, part, isQuick, seen } = JSON.parse(text) as Order;
  const arm = bench.arms.find((candidate) => candidate.name === name);
  assert(arm !== undefined, 'the parent asks for an arm that there is');
  const measures = await arm.run(isQuick ? bench.quick : bench.full, part, seen);
  for (const { row, value } of measures) {
    if (!Number.isFinite(value) || value < 0) throw new Error(`${name}, ${row}: ${value} is no figure`);
  }
  // Peers may leave threads and timers behind; what is ours was closed by the arm itself.
  process.stdout.write(`${MARK}${JSON.stringify(measures)}\n`, () => process.exit(0));
}
