/**
 * What the process under load and the test that kills it agree on: the streams of numbered commands of
 * each tenant, and what the process is told. A stream is one sender to one actor.
 */

/** How the commands of a stream travel. */
export const STREAMS = ['take', 'plain', 'relay', 'forward', 'later', 'post', 'postOnce'] as const;

export type Stream = (typeof STREAMS)[number];

/** Streams whose commands carry an idempotency key, and are sent again when they were not acknowledged. */
export const isKeyed = (stream: Stream): boolean => stream !== 'plain';

/** Numbers of un-keyed commands begin anew, and higher, with each process: they cannot be sent again. */
export const PLAIN_PER_ROUND = 1_000_000;

export interface LoadOrder {
  readonly dataDir: string;
  readonly effectFile: string;
  readonly tenants: readonly string[];
  /** For each tenant and stream, the first number to send. */
  readonly from: readonly (readonly number[])[];
  /** Commands of one stream under way at a time. */
  readonly inFlight: number;
  readonly lanes: number;
  /** What it does beside the load, over and over. */
  readonly chores: readonly ('move' | 'snapshot')[];
}

/** Options of the system, the same in the process and in the last look at its data. */
export const LOAD_OPTIONS = {
  shards: 8,
  snapshotEverySteps: 200, // a kill hits a snapshot now and then
  grants: [{ from: '*', to: '*', actor: 'tally', handlers: ['take'] }],
} as const;
