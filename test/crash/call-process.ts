/**
 * A process to be killed in the middle of one call: `node call-process.js ORDER` (JSON, a CallOrder). Opens
 * the system, prints "opened", makes the calls one after the other, prints "ok JSON" or "error CODE" for
 * each, and lives until it is killed.
 */
import { writeSync } from 'node:fs';
import { SynapseError, createSystem } from 'synapse-actors';

/** What the process is told. Modules are URLs. */
export interface CallOrder {
  readonly actors: string;
  readonly previous?: readonly string[];
  readonly dataDir: string;
  readonly type: string;
  readonly calls: readonly (readonly [tenant: string, key: string, handler: string, ...args: unknown[]])[];
  /** Idempotency key of the last call. */
  readonly id?: string;
}

const order = JSON.parse(process.argv[2] ?? '') as CallOrder;
const say = (line: string): number => writeSync(1, `${line}\n`);

const system = await createSystem({
  actors: order.actors,
  dataDir: order.dataDir,
  previous: order.previous ?? [],
  lanes: 1,
  shards: 4,
  turnTimeoutMs: 600_000, // some calls wait for a file in the middle of a turn, until this process is killed
});
say('opened');
for (const [at, [tenant, key, handler, ...args]] of order.calls.entries()) {
  const plain = system.ref(order.type, tenant, key);
  const ref =
    order.id !== undefined && at === order.calls.length - 1 ? plain.with({ idempotencyKey: order.id }) : plain;
  try {
    say(`ok ${JSON.stringify((await ref[handler]?.(...args)) ?? null)}`);
  } catch (error) {
    say(`error ${error instanceof SynapseError ? `${error.code} ${error.message}` : String(error)}`);
  }
}
setInterval(() => undefined, 60_000);
