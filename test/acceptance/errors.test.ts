/**
 * api.md, "Errors": every code, provoked through the public interface. The table is typed by the codes:
 * a code without an entry does not compile, and the list of api.md is written here again.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { actor, ERROR_CODES, type ErrorCode, SynapseError } from 'synapse-actors';
import { describe, expect, it } from 'vitest';
import { clocked } from './fixtures/clocked.ts';
import { doer } from './fixtures/doer.ts';
import { foreign } from './fixtures/foreign.ts';
import { ledger } from './fixtures/ledger.ts';
import { node } from './fixtures/node.ts';
import { rogue } from './fixtures/rogue.ts';
import { spill } from './fixtures/spill.ts';
import { narrow, tight } from './fixtures/tight.ts';
import { escalator } from './fixtures/tree.ts';
import { ageing } from './fixtures/version-changed.ts';
import { type Answer, codeOf, errorOf, folder, gate, named, open, same, settled, startChild } from './harness.ts';

/** As api.md lists them. */
const CODES =
  'REFUSED HANDLER_FAILED EFFECT_FAILED TIMEOUT MAILBOX_FULL UNKNOWN_ACTOR UNKNOWN_HANDLER UNSERIALIZABLE TOO_LARGE CALL_CYCLE POISONED SUSPENDED DENIED DIVERGED AMBIENT_AUTHORITY INVALID_ADDRESS INVALID_ARGUMENT SHARD_COUNT_MISMATCH STORE_UNAVAILABLE STORE_CORRUPT STORE_LOCKED PROTOCOL_VERSION CLOSED'.split(
    ' ',
  );

/** No message of another version reaches one host through its public interface: bridges bring them. */
const UNREACHABLE: readonly ErrorCode[] = ['PROTOCOL_VERSION'];

const MARK = 'a-mark-to-be-found-on-the-disk-0123456789';

/** A store whose journal holds MARK beyond any snapshot, with one byte of it flipped. */
async function corrupted(): Promise<string> {
  const dataDir = folder();
  const child = startChild({
    fixture: 'spill',
    type: 'spill',
    dataDir,
    calls: [
      { tenant: 'other', key: 'a', handler: 'mark', args: ['untouched'] },
      { tenant: 'acme', key: 'a', handler: 'mark', args: [MARK] },
      { tenant: 'fine', key: 'a', handler: 'mark', args: ['untouched too'] },
    ],
  });
  await child.ready();
  await child.kill();
  let flipped = 0;
  for (const name of readdirSync(dataDir, { recursive: true }) as string[]) {
    const path = join(dataDir, name);
    if (!statSync(path).isFile()) continue;
    const bytes = readFileSync(path);
    for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + 1)) {
      bytes[at + 5]! ^= 1;
      flipped++;
    }
    writeFileSync(path, bytes);
  }
  if (flipped === 0) throw new Error('the mark is not on the disk');
  return dataDir;
}

/** A process that wrote until its disk was full, was refused, and was killed; every call was answered. */
async function onFullDisk(): Promise<{ dataDir: string; answers: Answer[] }> {
  const dataDir = folder();
  const calls = Array.from({ length: 200 }, (_, i) => ({
    tenant: 'acme',
    key: `k${i}`,
    handler: 'mark',
    args: [`${i}`],
    paddingBytes: 400_000,
  }));
  const child = startChild({ fixture: 'spill', type: 'spill', dataDir, calls, fileLimitKb: 24_000 });
  const answers = await child.ready();
  same(answers.length, calls.length);
  await child.kill();
  return { dataDir, answers };
}

const PROVOKE: Readonly<Record<ErrorCode, () => Promise<SynapseError>>> = {
  REFUSED: async () => errorOf((await open('ledger')).ref(ledger, 'acme', 'a').deposit(-1)),
  HANDLER_FAILED: async () => errorOf((await open('ledger')).ref(ledger, 'acme', 'a').depositThenFail(1)),
  EFFECT_FAILED: async () =>
    errorOf((await open('doer')).ref(doer, 'acme', 'a').run({ file: join(folder(), 'f'), failures: 99 })),
  TIMEOUT: async () => {
    const door = gate();
    const error = await errorOf(
      (await open('ledger')).ref(ledger, 'acme', 'a').with({ timeoutMs: 20 }).depositAtGate(door.path, 1),
    );
    door.open();
    return error;
  },
  MAILBOX_FULL: async () => {
    const [system, door] = [await open('tight'), gate()];
    const ref = system.ref(tight, 'acme', 't');
    ref.gated(door.path).catch(() => {});
    await door.started();
    const error = await errorOf(flood(() => ref.add()));
    door.open();
    return error;
  },
  UNKNOWN_ACTOR: async () => {
    const stranger = actor('stranger', { state: () => ({ n: 0 }), commands: { go: (): number => 1 } });
    const system = await open('ledger');
    return errorOf(() => system.ref(stranger, 'acme', 'a').go());
  },
  UNKNOWN_HANDLER: async () => errorOf(named((await open('ledger')).ref(ledger, 'acme', 'a'), 'nothing')()),
  UNSERIALIZABLE: async () =>
    errorOf((await open('ledger')).ref(ledger, 'acme', 'a').echo({ a: [1, 2, { b: () => 1 }] })),
  TOO_LARGE: async () => errorOf((await open('spill')).ref(spill, 'acme', 'a').take(new Uint8Array(64 << 20))),
  CALL_CYCLE: async () => errorOf((await open('node')).ref(node, 'acme', 'a').visit(['b', 'a'])),
  POISONED: async () => errorOf((await open('rogue', { turnTimeoutMs: 150 })).ref(rogue, 'acme', 'a').loop()),
  SUSPENDED: async () => {
    const system = await open('tree');
    await codeOf(system.ref(escalator, 'acme', 'a').fail('boom'));
    return errorOf(system.ref(escalator, 'acme', 'b').add(1));
  },
  DENIED: async () => errorOf((await open('ledger')).ref(ledger, 'acme', 'a').pay('other', 'b', 1)),
  DIVERGED: async () => {
    const dataDir = folder();
    const child = startChild({
      fixture: 'version-one',
      type: 'ageing',
      dataDir,
      calls: [{ tenant: 'acme', key: 'a', handler: 'rename', args: ['Ada'] }],
    });
    await child.ready();
    await child.kill();
    return errorOf((await open('version-changed', { dataDir })).ref(ageing, 'acme', 'a').rename('Grace'));
  },
  AMBIENT_AUTHORITY: async () => errorOf((await open('foreign')).ref(foreign, 'acme', 'a').awaitNothing()),
  INVALID_ADDRESS: async () => {
    const system = await open('ledger');
    return errorOf(() => system.ref(ledger, 'acme', 'line\nbreak').deposit(1));
  },
  INVALID_ARGUMENT: async () => errorOf(() => open('ledger', { lanes: 0 })),
  SHARD_COUNT_MISMATCH: async () => {
    const dataDir = folder();
    await (await open('ledger', { dataDir, shards: 4 })).close();
    return errorOf(() => open('ledger', { dataDir, shards: 5 }));
  },
  STORE_UNAVAILABLE: async () => {
    const { answers } = await onFullDisk();
    const refused = answers.find((answer) => answer.error !== undefined);
    return new SynapseError(refused?.error as ErrorCode, refused?.message ?? '', refused?.details as never);
  },
  STORE_CORRUPT: async () => {
    const system = await open('spill', { dataDir: await corrupted() });
    return errorOf(() => system.ref(spill, 'acme', 'a').mark('more'));
  },
  STORE_LOCKED: async () => {
    const dataDir = folder();
    await open('ledger', { dataDir });
    return errorOf(() => open('ledger', { dataDir }));
  },
  PROTOCOL_VERSION: () => Promise.reject(new Error('unreachable')),
  CLOSED: async () => {
    const system = await open('ledger');
    await system.close();
    return errorOf(system.ref(ledger, 'acme', 'a').deposit(1));
  },
};

/** Calls until one is refused; those that were accepted are left to themselves. */
function flood(call: () => Promise<unknown>): Promise<unknown> {
  const calls = Array.from({ length: 100 }, () => call());
  return Promise.race(calls);
}

describe('the codes', () => {
  it('are those of api.md', () => {
    same([...ERROR_CODES].sort(), [...CODES].sort());
    same(Object.keys(PROVOKE).sort(), [...CODES].sort());
  });

  it.each(ERROR_CODES.filter((code) => !UNREACHABLE.includes(code)))(
    '%s is provoked through the public interface',
    async (code) => {
      const error = await PROVOKE[code]();
      same([error.code, error instanceof SynapseError, error instanceof Error], [code, true, true]);
      expect(error.message.length).toBeGreaterThan(0);
      same(typeof error.details, 'object');
    },
  );
});

describe('an error', () => {
  it('of a handler carries no stack of the lane', async () => {
    const error = await errorOf((await open('ledger')).ref(ledger, 'acme', 'a').depositThenFail(1));
    expect(`${error.message} ${JSON.stringify(error.details)} ${error.stack}`).not.toMatch(/ledger\.js/);
  });

  it('UNSERIALIZABLE names the path of the value, in an argument and in a result', async () => {
    const error = await PROVOKE.UNSERIALIZABLE();
    expect(`${error.message} ${JSON.stringify(error.details)}`).toMatch(/a\[2\]\.b/);
    const result = await errorOf((await open('spill')).ref(spill, 'acme', 'a').wrong());
    same(result.code, 'UNSERIALIZABLE');
    expect(`${result.message} ${JSON.stringify(result.details)}`).toMatch(/a\[2\]\.b/);
  });

  it.each([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    [
      'an instance of a class',
      new (class Point {
        x = 1;
      })(),
    ],
    ['a promise', Promise.resolve(1)],
    ['a regular expression', /x/],
    ['an error', new Error('e')],
    ['a WeakMap', new WeakMap()],
    ['a proxy of a function', new Proxy(() => 1, {})],
    ['a Float64Array', new Float64Array(1)],
    ['a DataView', new DataView(new ArrayBuffer(1))],
    ['a cycle', cycle()],
    ['a cycle through a Map', mapCycle()],
    ['65 levels', deep(66)],
  ])('UNSERIALIZABLE is what %s is', async (_name, value) => {
    const system = await open('ledger');
    same(await codeOf(system.ref(ledger, 'acme', 'a').echo(value)), 'UNSERIALIZABLE');
    same(await codeOf(system.ref(ledger, 'acme', 'a').echo([value])), 'UNSERIALIZABLE');
  });

  it('is not what depth 64 is', async () => {
    const system = await open('ledger');
    const value = deep(62);
    same(await system.ref(ledger, 'acme', 'a').echo(value), value);
  });

  it('MAILBOX_FULL comes by bytes too, and by calls in flight; nothing of it was accepted', async () => {
    const system = await open('tight');
    const door = gate();
    const ref = system.ref(narrow, 'acme', 'n');
    ref.gated(door.path).catch(() => {});
    await door.started();
    const outcomes = Array.from({ length: 10 }, () =>
      ref.add('x'.repeat(1_000)).then(
        () => 'ok',
        (error: { code: string }) => error.code,
      ),
    );
    same(await settled(codeOf(flood(() => ref.add('x'.repeat(1_000)))), 'a refusal'), 'MAILBOX_FULL');
    door.open();
    same(new Set(await Promise.all(outcomes)), new Set(['ok', 'MAILBOX_FULL']));
    const small = await open('clocked', { maxInFlight: 5 });
    const clock = small.ref(clocked, 'acme', 'c');
    const calls = await Promise.allSettled(Array.from({ length: 50 }, () => clock.ring('x')));
    const refused = calls.filter((call) => call.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    for (const call of refused) same((call as PromiseRejectedResult).reason.code, 'MAILBOX_FULL');
    same((await clock.rings()).length, 50 - refused.length);
  });

  it('TOO_LARGE comes for a result too, and the actor goes on', async () => {
    const system = await open('spill');
    const ref = system.ref(spill, 'acme', 'a');
    same(await codeOf(ref.give(64 << 20)), 'TOO_LARGE');
    same(await ref.mark('x'), 1);
  });

  it('STORE_CORRUPT names tenant and seq; other tenants are served', async () => {
    const dataDir = await corrupted();
    const system = await open('spill', { dataDir });
    const error = await errorOf(() => system.ref(spill, 'acme', 'a').mark('more'));
    expect(error).toMatchObject({ code: 'STORE_CORRUPT', details: { tenant: 'acme' } });
    expect(Number(error.details.seq)).toBeGreaterThan(0);
    same(await system.ref(spill, 'other', 'a').mark('more'), 2);
    same(await system.ref(spill, 'fine', 'a').mark('more'), 2);
    same(await codeOf(() => system.ref(spill, 'acme', 'b').mark('more')), 'STORE_CORRUPT');
  });

  it('STORE_UNAVAILABLE comes when the disk is full, and nothing acknowledged is lost', async () => {
    const { dataDir, answers } = await onFullDisk();
    const refused = answers.filter((answer) => answer.error !== undefined);
    expect(refused.length).toBeGreaterThan(0);
    expect(answers.some((answer) => answer.ok !== undefined)).toBe(true);
    same(new Set(refused.map((answer) => answer.error)), new Set(['STORE_UNAVAILABLE']));
    const system = await open('spill', { dataDir });
    for (const [i, answer] of answers.entries()) {
      if (answer.ok !== undefined) same((await system.ref(spill, 'acme', `k${i}`).marks()).length, 1);
    }
    same(await system.ref(spill, 'acme', 'k0').mark('there is space again'), 2);
  });
});

function cycle(): unknown {
  const value: { list: unknown[] } = { list: [] };
  value.list.push(value);
  return value;
}

function mapCycle(): unknown {
  const value = new Map<string, unknown>();
  value.set('self', [value]);
  return value;
}

function deep(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}
