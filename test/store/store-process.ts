/**
 * A process of its own for lock and disk tests: `node store-process.js lock|write|survive DIR [MAX]`.
 * Speaks in lines on standard output, ends when standard input does.
 *   lock   on every line of input tries once: "held" or the error's code, and keeps what it got
 *   write  opens a store and commits 20 KiB steps of one tenant: "ack N" each, "error CODE" at the first
 *          failure or after MAX commits "done"
 *   survive  as write, but after a failure reopens ("reopened SEQ") and goes on until MAX steps are durable
 */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { SynapseError } from '../../src/base/error.ts';
import { openLmdb } from '../../src/store/lmdb.ts';
import { acquireLock } from '../../src/store/lock.ts';
import { Store } from '../../src/store/store.ts';

const [mode, dir = '', max = '1000000'] = process.argv.slice(2);
const say = (line: string): number => writeSync(1, `${line}\n`);
const codeOf = (error: unknown): string => (error instanceof SynapseError ? error.code : String(error));

if (mode === 'lock') {
  for await (const line of createInterface({ input: process.stdin })) {
    void line;
    try {
      acquireLock(dir);
      say('held');
    } catch (error) {
      say(codeOf(error));
    }
  }
} else {
  try {
    const store = Store.open({ driver: openLmdb(dir), shards: 1 });
    const lastSeq = (): number => store.tenants()[0]?.seq ?? 0;
    const end = lastSeq() + Number(max);
    while (lastSeq() < end) {
      try {
        const seq = lastSeq() + 1;
        store.commit([{ shard: 0, tenant: 't', seq, body: new Uint8Array(20_000).fill(seq), events: [] }], []);
        say(`ack ${seq}`);
      } catch (error) {
        if (mode !== 'survive') throw error;
        say(`failed ${codeOf(error)}`);
        store.reopen();
        say(`reopened ${lastSeq()}`);
      }
    }
    say('done');
  } catch (error) {
    say(`error ${codeOf(error)}`);
  }
  // A failed page write may have left lmdb's heap broken (docs/adr/0003): freeing it on the way out once waited for ever.
  if (mode === 'survive') process.kill(process.pid, 'SIGKILL');
  process.stdin.resume();
  await once(process.stdin, 'end');
}
