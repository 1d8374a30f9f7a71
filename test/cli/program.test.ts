/** The command line in one process, with doubles of Synapse and of the process around it. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SynapseError } from '../../src/base/error.ts';
import type { Host, SystemSettings } from '../../src/cli/host.ts';
import { execute } from '../../src/cli/program.ts';
import { failByName, PretendSystem } from './pretend-system.ts';
import { PretendTerminal } from './pretend-terminal.ts';

const REPORT = {
  shards: 64,
  incarnation: 77,
  sizeBytes: 2_048,
  tenants: [
    {
      tenant: 'acme',
      shard: 7,
      seq: 1_200,
      snapshotSeq: 1_000,
      stateRoot: new Uint8Array(32).fill(0xab),
      tailSteps: 200,
    },
  ],
  isEncrypted: false,
  erased: [],
  faults: [],
};

let dir: string;
let system: PretendSystem;
let settings: SystemSettings[];
let host: Host;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'synapse-cli-'));
  await writeFile(join(dir, 'actors.js'), '');
  system = new PretendSystem({ answer: failByName });
  settings = [];
  host = {
    openSystem: (given) => (settings.push(given), Promise.resolve(system)),
    inspectStore: () => Promise.resolve(REPORT),
    backupStore: () => Promise.resolve(),
    writeReceipt: () => Promise.reject(new SynapseError('INVALID_ARGUMENT', 'there is nothing to prove')),
  };
});

afterEach(() => rm(dir, { recursive: true, force: true }));

async function synapse(args: readonly string[], input?: string): Promise<{ status: number; out: string; err: string }> {
  const terminal = new PretendTerminal(dir, input);
  const status = await execute(args, terminal, host);
  return { status, out: terminal.out, err: terminal.err };
}

function lineOf(call: string, id?: string): string {
  return `${JSON.stringify({ tenant: 'acme', actor: 'a', key: 'k', call, args: [1], id })}\n`;
}

function lastObject(text: string): Record<string, unknown> {
  return JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
}

describe('synapse', () => {
  it('introduces itself, names every command and every exit status', async () => {
    const { status, out } = await synapse(['--help']);
    expect(status).toBe(0);
    for (const word of ['run', 'inspect', 'backup', 'Exit statuses', '0 ', '1 ', '2 ', '130, 143', '141'])
      expect(out).toContain(word);
  });

  it.each(['run', 'inspect', 'backup'])('explains %s with an example', async (command) => {
    const { status, out } = await synapse([command, '--help']);
    expect(status).toBe(0);
    expect(out).toContain(`$ synapse ${command} `);
    expect(out).toContain('--data');
    expect(out).toContain('--json');
  });

  it('prints the version of the package', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await synapse(['--version'])).toEqual({ status: 0, out: `${version}\n`, err: '' });
  });

  it.each([
    [[], 'Usage: synapse'],
    [['fly'], "unknown command 'fly'"],
    [['run', 'actors.js'], "required option '-i, --input <file>'"],
    [['run', '--input', '-'], "missing required argument 'actors'"],
    [['run', 'actors.js', '--input', '-', '--lanes', 'two'], 'whole number'],
    [['run', 'actors.js', '--input', '-', '--memory', '--data', 'x'], 'cannot be used with'],
    [['inspect'], "required option '-d, --data <dir>'"],
    [['backup', '--data', 'x'], "required option '-t, --to <dir>'"],
  ])('ends with status 2 for %j', async (args, message) => {
    const { status, out, err } = await synapse(args);
    expect(status).toBe(2);
    expect(out).toBe('');
    expect(err).toContain(message);
  });
});

describe('synapse run', () => {
  it('writes results to standard output and the summary to standard error', async () => {
    const { status, out, err } = await synapse(
      ['run', 'actors.js', '--input', '-'],
      lineOf('do', '1') + lineOf('REFUSED', '2') + lineOf('do', '1'),
    );
    expect(status).toBe(0);
    expect(out).toBe(
      '{"id":"1","ok":1}\n{"id":"2","error":{"code":"REFUSED","message":"asked for REFUSED"}}\n{"id":"1","ok":1}\n',
    );
    for (const row of [
      /^tenants +1$/m,
      /^commands +3$/m,
      /^refused +1$/m,
      /^failed +0$/m,
      /^repeated +1$/m,
      /^bad lines +0$/m,
      /^state root +[0-9a-f]{64}$/m,
    ]) {
      expect(err).toMatch(row);
    }
    expect(err).toContain(join(dir, 'synapse-data'));
    expect(system.isClosed).toBe(true);
  });

  it('hands its options to the system and leaves the others to its defaults', async () => {
    await writeFile(join(dir, 'grants.json'), '[{"from":"a","to":"b","actor":"c","handlers":["d"]}]');
    await synapse(['run', 'actors.js', '--input', '-', '--quiet'], '');
    const all = [
      '--lanes',
      '3',
      '--shards',
      '16',
      '--turn-timeout-ms',
      '100',
      '--call-timeout-ms',
      '200',
      '--grants',
      'grants.json',
    ];
    await synapse(
      ['run', 'actors.js', pathToFileURL(join(dir, 'actors.js')).href, '--input', '-', '--memory', '--quiet', ...all],
      '',
    );
    const actors = pathToFileURL(join(dir, 'actors.js'));
    expect(settings).toEqual([
      { actors: [actors], dataDir: join(dir, 'synapse-data'), callTimeoutMs: 300_000 },
      {
        actors: [actors, actors],
        lanes: 3,
        shards: 16,
        turnTimeoutMs: 100,
        callTimeoutMs: 200,
        grants: [{ from: 'a', to: 'b', actor: 'c', handlers: ['d'] }],
      },
    ]);
  });

  it('reports bad lines by number, goes on, and ends with status 1', async () => {
    const { status, out, err } = await synapse(
      ['run', 'actors.js', '--input', '-'],
      `${lineOf('do')}{\n${lineOf('do')}[]\n`,
    );
    expect(status).toBe(1);
    expect(out).toBe('{"ok":1}\n{"ok":1}\n');
    expect(err).toContain('line 2: not JSON\n');
    expect(err).toContain('line 4: expected an object, got an array\n');
    expect(err).toMatch(/^bad lines +2$/m);
  });

  it('ends with --json in one object on standard error, bad lines before it as objects', async () => {
    const { out, err } = await synapse(
      ['run', 'actors.js', '--input', '-', '--json', '--memory'],
      `${lineOf('do', '1')}{\n${lineOf('HANDLER_FAILED')}`,
    );
    expect(out.split('\n')).toHaveLength(3);
    expect(
      err
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { line: 2, fault: 'not JSON' },
      {
        tenants: 1,
        repeated: 0,
        stateRoot: expect.stringMatching(/^[0-9a-f]{64}$/),
        commands: 2,
        refused: 0,
        failed: 1,
        badLines: 1,
        elapsedMs: expect.any(Number),
        commandsPerSecond: expect.any(Number),
        ackP50Ms: expect.any(Number),
        ackP99Ms: expect.any(Number),
      },
    ]);
  });

  it('says with --quiet only what is wrong', async () => {
    expect(await synapse(['run', 'actors.js', '--input', '-', '--quiet'], lineOf('do'))).toEqual({
      status: 0,
      out: '{"ok":1}\n',
      err: '',
    });
    expect((await synapse(['run', 'actors.js', '--input', '-', '-q'], '{\n')).err).toBe('line 1: not JSON\n');
  });

  it.each([
    ['HANDLER_FAILED', 0],
    ['TIMEOUT', 0],
    ['STORE_CORRUPT', 1],
    ['DIVERGED', 1],
    ['STORE_UNAVAILABLE', 2],
  ])('ends after an answer %s with status %i', async (code, status) => {
    const ended = await synapse(['run', 'actors.js', '--input', '-', '--json'], lineOf(code));
    expect(ended.status).toBe(status);
    expect(JSON.parse(ended.out)).toEqual({ error: { code, message: `asked for ${code}` } });
    expect(lastObject(ended.err)['stopped']).toBe(status === 2 ? 'store unavailable' : undefined);
  });

  it('reads a file and writes a file, never one and the same', async () => {
    await writeFile(join(dir, 'in.jsonl'), lineOf('do', 'a'));
    const { status, out } = await synapse(['run', 'actors.js', '--input', 'in.jsonl', '--output', 'out.jsonl']);
    expect([status, out]).toEqual([0, '']);
    expect(await readFile(join(dir, 'out.jsonl'), 'utf8')).toBe('{"id":"a","ok":1}\n');
    const refused = await synapse(['run', 'actors.js', '--input', 'in.jsonl', '--output', './in.jsonl']);
    expect(refused.status).toBe(2);
    expect(await readFile(join(dir, 'in.jsonl'), 'utf8')).toBe(lineOf('do', 'a'));
  });

  it.each([
    [['run', 'actors.js', '--input', 'missing.jsonl'], 'missing.jsonl'],
    [['run', 'actors.js', '--input', '.'], 'is a directory'],
    [['run', 'nowhere.js', '--input', '-'], 'nowhere.js'],
    [['run', 'actors.js', '--input', '-', '--grants', 'actors.js'], 'cannot read the grants'],
    [['run', 'actors.js', '--input', '-', '--output', 'no/such/dir/file'], 'cannot write'],
  ])('ends with status 2, one line and no stack for %j', async (args, message) => {
    const { status, out, err } = await synapse(args, lineOf('do'));
    expect([status, out]).toEqual([2, '']);
    expect(err).toContain(message);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(system.applied).toEqual([]);
  });

  it('ends with status 2 and the code when the system does not open', async () => {
    host = { ...host, openSystem: () => Promise.reject(new SynapseError('STORE_LOCKED', 'in use by process 7')) };
    expect(await synapse(['run', 'actors.js', '--input', '-'], '')).toEqual({
      status: 2,
      out: '',
      err: 'synapse: STORE_LOCKED: in use by process 7\n',
    });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('finishes what is under way at %s, closes, and ends with status %i', async (signal, status) => {
    const terminal = new PretendTerminal(dir);
    const done = execute(['run', 'actors.js', '--input', '-', '--json'], terminal, host);
    while (!terminal.hasListeners) await new Promise((resolve) => setImmediate(resolve));
    terminal.stdin.push(lineOf('do', '1'));
    while (terminal.out === '') await new Promise((resolve) => setImmediate(resolve));
    terminal.signal(signal);
    expect(await done).toBe(status);
    expect(terminal.exits).toEqual([]);
    expect(system.isClosed).toBe(true);
    expect(terminal.hasListeners).toBe(false);
    expect(lastObject(terminal.err)).toMatchObject({ commands: 1, stopped: signal });
  });

  it('ends at once at the second signal', async () => {
    const stuck = new PretendSystem();
    stuck.call = () => new Promise(() => {});
    host = { ...host, openSystem: () => Promise.resolve(stuck) };
    const terminal = new PretendTerminal(dir);
    void execute(['run', 'actors.js', '--input', '-', '--quiet'], terminal, host);
    while (!terminal.hasListeners) await new Promise((resolve) => setImmediate(resolve));
    terminal.stdin.push(lineOf('do', '1'));
    await new Promise((resolve) => setImmediate(resolve));
    terminal.signal('SIGINT');
    expect(terminal.exits).toEqual([]);
    terminal.signal('SIGINT');
    expect(terminal.exits).toEqual([130]);
  });

  it('ends without a word when the reader of the results is gone', async () => {
    const terminal = new PretendTerminal(dir);
    terminal.stdout._write = (_chunk, _encoding, done) =>
      done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    const done = execute(['run', 'actors.js', '--input', '-'], terminal, host);
    terminal.stdin.push(lineOf('do', '1'));
    expect(await done).toBe(141);
    expect(terminal.err).toBe('');
    expect(system.isClosed).toBe(true);
  });
});

describe('synapse inspect', () => {
  it('shows tenants, sizes and roots', async () => {
    const { status, out, err } = await synapse(['inspect', '--data', 'd']);
    expect([status, err]).toEqual([0, '']);
    expect(out).toContain(`${join(dir, 'd')} (2.0 KiB)`);
    expect(out).toMatch(new RegExp(`^acme +7 +1,200 +1,000 +200 +${'ab'.repeat(32)}$`, 'm'));
  });

  it('tells of an encrypted store how many tenants were erased', async () => {
    expect((await synapse(['inspect', '--data', 'd'])).out).not.toContain('encryption');
    const erased = [{ tenant: 'gone', seq: 12 }];
    host = { ...host, inspectStore: () => Promise.resolve({ ...REPORT, isEncrypted: true, erased }) };
    expect((await synapse(['inspect', '--data', 'd'])).out).toMatch(/^encryption +a key per tenant; 1 erased$/m);
    const { out } = await synapse(['inspect', '--data', 'd', '--json']);
    expect(JSON.parse(out)).toMatchObject({ isEncrypted: true, erased });
  });

  it('prints one object with --json', async () => {
    const { out } = await synapse(['inspect', '--data', 'd', '--json']);
    const tenants = [{ ...REPORT.tenants[0], stateRoot: 'ab'.repeat(32) }];
    expect(JSON.parse(out)).toEqual({ dataDir: join(dir, 'd'), ...REPORT, tenants });
  });

  it('names what is corrupt and ends with status 1', async () => {
    host = {
      ...host,
      inspectStore: () =>
        Promise.resolve({
          ...REPORT,
          faults: [{ tenant: 'acme', seq: 5, message: 'journal record is damaged, tenant "acme", seq 5' }],
        }),
    };
    const { status, err } = await synapse(['inspect', '--data', 'd']);
    expect([status, err]).toEqual([1, 'corrupt: journal record is damaged, tenant "acme", seq 5\n']);
  });

  it('ends with status 1 when not even the first rows can be read', async () => {
    host = {
      ...host,
      inspectStore: () => Promise.reject(new SynapseError('STORE_CORRUPT', 'store head row is damaged or missing')),
    };
    expect((await synapse(['inspect', '--data', 'd'])).status).toBe(1);
  });

  it('ends with status 2 when a system has the directory', async () => {
    host = { ...host, inspectStore: () => Promise.reject(new SynapseError('STORE_LOCKED', 'in use')) };
    expect(await synapse(['inspect', '--data', 'd'])).toEqual({
      status: 2,
      out: '',
      err: 'synapse: STORE_LOCKED: in use\n',
    });
  });
});

describe('synapse backup', () => {
  it('copies and says where', async () => {
    const copies: string[][] = [];
    host = { ...host, backupStore: (from, to) => (copies.push([from, to]), Promise.resolve()) };
    expect((await synapse(['backup', '--data', 'd', '--to', 'e'])).out).toBe(
      `copied ${join(dir, 'd')} to ${join(dir, 'e')}\n`,
    );
    expect(JSON.parse((await synapse(['backup', '--data', 'd', '--to', 'e', '--json'])).out)).toEqual({
      dataDir: join(dir, 'd'),
      to: join(dir, 'e'),
    });
    expect(copies).toEqual([
      [join(dir, 'd'), join(dir, 'e')],
      [join(dir, 'd'), join(dir, 'e')],
    ]);
  });
});
