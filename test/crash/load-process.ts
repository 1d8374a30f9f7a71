/**
 * A process to be killed: `node load-process.js ORDER` (JSON, a LoadOrder). Opens the system, asks every
 * tenant a question, and then sends numbered commands for ever. One line each, written at once:
 *   opened MS       createSystem has resolved, so long after it was called
 *   recovered MS    every tenant has answered
 *   A t s n         the command n of stream s of tenant t was acknowledged
 *   E t s n CODE    it failed: never expected
 *   chore NAME / chored NAME     a move or a snapshot begins / has ended
 */
import { writeSync } from 'node:fs';
import { SynapseError, createSystem } from 'synapse-actors';
import { type LoadOrder, LOAD_OPTIONS, STREAMS, type Stream, isKeyed } from './load.ts';
import { tally } from './tally.ts';

const order = JSON.parse(process.argv[2] ?? '') as LoadOrder;

function say(line: string): void {
  const bytes = Buffer.from(`${line}\n`);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if ((error as { code?: string }).code !== 'EAGAIN') throw error; // the pipe is full: its reader comes
    }
  }
}

const startMs = performance.now();
const system = await createSystem({
  ...LOAD_OPTIONS,
  actors: new URL('./tally.js', import.meta.url),
  dataDir: order.dataDir,
  lanes: order.lanes,
});
say(`opened ${Math.round(performance.now() - startMs)}`);
await Promise.all(order.tenants.map((tenant) => system.ref(tally, tenant, 'take').swaps()));
say(`recovered ${Math.round(performance.now() - startMs)}`);

function send(tenant: string, next: string, stream: Stream, n: number): Promise<unknown> {
  const plain = system.ref(tally, tenant, stream);
  const ref = isKeyed(stream) ? plain.with({ idempotencyKey: `${stream}-${n}` }) : plain;
  switch (stream) {
    case 'take':
    case 'plain':
      return ref.take(n);
    case 'relay':
    case 'forward':
      return ref[stream](n, next, `${stream}-from-${tenant}`);
    case 'later':
      return ref.later(n);
    case 'post':
      return ref.post(n, order.effectFile);
    case 'postOnce':
      return ref.postOnce(n, `${order.effectFile}.once`);
  }
}

async function pump(t: number, s: number, numbers: Iterator<number>): Promise<void> {
  const tenant = order.tenants[t] ?? '';
  const next = order.tenants[(t + 1) % order.tenants.length] ?? '';
  const stream = STREAMS[s] ?? 'plain';
  for (;;) {
    const n = numbers.next().value as number;
    try {
      await send(tenant, next, stream, n);
      say(`A ${t} ${s} ${n}`);
    } catch (error) {
      say(`E ${t} ${s} ${n} ${error instanceof SynapseError ? `${error.code} ${error.message}` : String(error)}`);
    }
  }
}

function* countFrom(first: number): Generator<number> {
  for (let n = first; ; n++) yield n;
}

for (let t = 0; t < order.tenants.length; t++) {
  for (let s = 0; s < STREAMS.length; s++) {
    const numbers = countFrom(order.from[t]?.[s] ?? 0);
    for (let i = 0; i < order.inFlight; i++) void pump(t, s, numbers);
  }
}

async function chore(name: 'move' | 'snapshot', turn: number): Promise<void> {
  say(`chore ${name}`);
  try {
    if (name === 'snapshot') await system.snapshot();
    else await system.moveShard(turn % LOAD_OPTIONS.shards, (turn >> 3) % order.lanes);
    say(`chored ${name}`);
  } catch (error) {
    say(`E ${name} ${turn} ${String(error)}`);
  }
}

for (let turn = 0; order.chores.length > 0; turn++) {
  await chore(order.chores[turn % order.chores.length] ?? 'snapshot', turn);
  await new Promise((resolve) => setTimeout(resolve, 5)); // breath, so that the load goes on
}
setInterval(() => undefined, 60_000);
