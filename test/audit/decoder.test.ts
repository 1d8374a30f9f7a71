/**
 * The verifier's own decoders (records, frames, values, outcomes) against the originals: over every
 * step of a workload that uses every feature, over arbitrary values, and over bytes that are nothing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeRecord, withRoots } from '../../src/actor/record.ts';
import { OUTCOME_PARTS, outcomeLines } from '../../src/audit/outcome-text.ts';
import { quoted } from '../../src/audit/plain-text.ts';
import { recordLines } from '../../src/audit/record-text.ts';
import { viewRecord } from '../../src/audit/record-view.ts';
import { argumentsText, errorText, valueText } from '../../src/audit/value-text.ts';
import { ByteSink } from '../../src/base/byte-sink.ts';
import { hexOf, sha256 } from '../../src/base/hash.ts';
import { SynapseError } from '../../src/base/error.ts';
import { encodeArguments, encodeValue } from '../../src/frame/codec.ts';
import { decodeExtension } from '../../src/frame/extension.ts';
import { encodeError, Frame } from '../../src/frame/frame.ts';
import { ReplayWorker } from '../../src/replay/replay-worker.ts';
import { NOTE_TAGS, readNotes } from '../../src/replay/step-notes.ts';
import { TenantReplay } from '../../src/replay/tenant-replay.ts';
import { readRecords } from '../../src/store/journal.ts';
import { openStoreView } from '../../src/store/store-view.ts';
import { feud, openWorkload, richRound, WORKLOAD_ACTORS } from '../replay/rich-workload.ts';

interface Step {
  readonly tenant: string;
  readonly seq: number;
  readonly body: Uint8Array;
  readonly notes: Uint8Array;
}

const steps: Step[] = [];
let root: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'synapse-decoder-'));
  const system = await openWorkload();
  await richRound(system, 0);
  await feud(system);
  const clan = system.ref('clan', 'acme', 'p') as unknown as Record<string, () => Promise<unknown>>;
  await clan['fail']?.().catch(() => undefined);
  await system.resume('acme');
  await system.backup(join(root, 'store'));
  await system.close();
  const view = openStoreView(join(root, 'store'));
  try {
    const worker = await ReplayWorker.start({ actors: [WORKLOAD_ACTORS.href], previous: [] });
    for (const state of view.directory.sorted()) {
      const bodies = [...readRecords(view.driver, state, 1)].map(({ body }) => body.slice());
      const run = await TenantReplay.open(worker, view, state);
      for await (const group of run.groups({ from: 1, until: state.seq })) {
        for (const { seq, report } of group) {
          const body = bodies[seq - 1] as Uint8Array;
          steps.push({ tenant: state.tenant, seq, body, notes: new Uint8Array(report.notes) });
        }
      }
    }
    await worker.close();
  } finally {
    view.close();
  }
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('over every step of the workload', () => {
  test('a record has the same fields by both decoders', () => {
    const kinds = new Set<string>();
    for (const { body } of steps) {
      const [ours, theirs] = [viewRecord(body), decodeRecord(body)];
      const frame = Frame.parse(theirs.frame);
      const { principal, idempotencyKey } = decodeExtension(frame.extension);
      expect(ours).toEqual({
        timeMs: theirs.nowMs,
        configId: theirs.configId,
        seed: new Uint8Array(theirs.seed),
        digest: new Uint8Array(theirs.digest),
        decisions: theirs.decisions,
        acks: theirs.acks,
        roots: theirs.roots && {
          state: new Uint8Array(theirs.roots.stateRoot),
          domain: new Uint8Array(theirs.roots.domainRoot),
        },
        frame: {
          kind: ours.frame.kind,
          flags: frame.flags,
          messageId: frame.messageId,
          correlation: frame.correlation,
          timeMs: frame.timeMs,
          incarnation: frame.incarnation,
          source: frame.source,
          target: frame.target,
          handler: frame.handler,
          principal,
          idempotencyKey,
          payload: new Uint8Array(frame.payload),
        },
      });
      kinds.add(ours.frame.kind);
    }
    expect([...kinds].sort()).toEqual(['call', 'control', 'effect-result', 'reply', 'tell', 'timer']);
    const [stateRoot, domainRoot] = [sha256('state'), sha256('domain')];
    const snapshot = withRoots((steps[0] as Step).body, { stateRoot, domainRoot });
    expect(viewRecord(snapshot).roots).toEqual({ state: stateRoot, domain: domainRoot });
    expect(steps.filter(({ body }) => viewRecord(body).acks.length > 0)).not.toEqual([]);
    expect(steps.filter(({ body }) => viewRecord(body).decisions.length > 0)).not.toEqual([]);
  });

  test('an outcome is what the digest is of, and has words for every line of it', () => {
    const tags = new Set<string>();
    for (const { body, notes } of steps) {
      expect(hexOf(sha256(notes))).toBe(hexOf(decodeRecord(body).digest));
      const read = readNotes(notes);
      for (const { tag } of read) tags.add(tag);
      const lines = outcomeLines(notes);
      expect(lines).toHaveLength(Math.max(1, read.length));
      expect(lines.filter((line) => /bytes that are no value|undefined of|NaN/.test(line))).toEqual([]);
    }
    // Nothing in this workload kills a lane, has two versions, or stops an actor whose turn waits for an effect.
    const absent = ['cancel-effect', 'killed', 'migrated', 'poisoned'];
    expect([...tags, ...absent].sort()).toEqual([...NOTE_TAGS].sort());
  });

  test('a receipt has lines for every step', () => {
    for (const { tenant, seq, body, notes } of steps) {
      const lines = recordLines(viewRecord(body), { seq, size: 1_000, outcome: notes });
      expect(lines[0]).toBe(`tenant     ${quoted(tenant)}`);
      expect(lines.join('\n')).toMatch(/^input {6}\S/m);
      expect(lines.join('\n')).toMatch(/^outcome {4}\S/m);
      expect(lines.join('\n')).not.toMatch(/[^\x20-\x7e\n]/);
    }
  });

  test('a record cut short anywhere, or longer by one byte, is refused', () => {
    const body = steps.find(({ body: one }) => viewRecord(one).acks.length > 0)?.body as Uint8Array;
    for (let end = 0; end < body.length; end++) expect(() => viewRecord(body.subarray(0, end))).toThrow(RangeError);
    expect(() => viewRecord(new Uint8Array([...body, 0]))).toThrow(RangeError);
  });
});

test('the lines of an outcome have the same parts in both readers', () => {
  expect(Object.keys(OUTCOME_PARTS).sort()).toEqual([...NOTE_TAGS].sort());
});

test('every line of an outcome has words, and lines of other versions have none', () => {
  const words = Object.entries(OUTCOME_PARTS).map(([tag, kinds]) => {
    const sink = new ByteSink();
    sink.text(tag);
    for (const kind of kinds) {
      if (kind === 'n') sink.f64(5);
      else if (kind === 't') sink.text('s\0x');
      else sink.bytes(encodeValue('b'));
    }
    expect(readNotes(sink.take())).toHaveLength(1);
    for (let end = 1; end < sink.length; end++) {
      expect(() => outcomeLines(sink.take().subarray(0, end))).toThrow(RangeError);
    }
    return outcomeLines(sink.take()).join('\n');
  });
  expect(new Set(words).size).toBe(words.length);
  expect(words.join('\n')).not.toMatch(/undefined of|NaN|\0/);
  const other = new ByteSink();
  other.text('constructor');
  expect(() => outcomeLines(other.take())).toThrow(RangeError);
});

describe('values as text', () => {
  test.each<[unknown, string]>([
    [0, '0'],
    [-0, '-0'],
    [127, '127'],
    [300, '300'],
    [70_000, '70000'],
    [-1, '-1'],
    [-32, '-32'],
    [-33, '-33'],
    [-70_000, '-70000'],
    [2 ** 40, '1099511627776'],
    [0.5, '0.5'],
    [Number.NaN, 'NaN'],
    [10n, '10n'],
    [-(2n ** 70n), '-1180591620717411303424n'],
    [null, 'null'],
    [undefined, 'undefined'],
    [true, 'true'],
    ['a"b', '"a\\"b"'],
    ['x'.repeat(40), `"${'x'.repeat(40)}"`],
    ['\ud800', '"\\u{d800}"'],
    ['日本 Привет é', '"日本 Привет é"'],
    ['\u202e\n', '"\\u{202e}\\u{a}"'],
    [new Date(0), 'Date(1970-01-01T00:00:00.000Z)'],
    [new Date(Number.NaN), 'Date(NaN)'],
    [[1, [2]], '[1, [2]]'],
    [Array.from({ length: 17 }, () => 1), `[${Array.from({ length: 17 }, () => 1).join(', ')}]`],
    [{ a: 1, 'b c': { d: null } }, '{a: 1, "b c": {d: null}}'],
    [
      Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`k${n}`, n])),
      `{${Array.from({ length: 16 }, (_, n) => `k${n}: ${n}`).join(', ')}}`,
    ],
    [new Map<unknown, unknown>([['k', 1], [2, 'v']]), 'Map{"k" => 1, 2 => "v"}'], // prettier-ignore
    [new Set([1, 'a']), 'Set{1, "a"}'],
    [new Uint8Array([1, 2]), 'bytes(AQI=)'],
    [new Uint8Array([1, 2]).buffer, 'buffer(AQI=)'],
  ])('%s', (value, text) => {
    expect(valueText(encodeValue(value))).toBe(text);
  });

  test('of arguments and errors', () => {
    expect(argumentsText(encodeArguments([]))).toBe('');
    expect(argumentsText(encodeArguments(['a', [1]]))).toBe('"a", [1]');
    expect(errorText(encodeError(new SynapseError('REFUSED', 'no')))).toBe('REFUSED: "no"');
    expect(errorText(encodeError(new SynapseError('TIMEOUT', 'x'.repeat(50), { a: 1 })))).toBe(
      `TIMEOUT: "${'x'.repeat(50)}" {a: 1}`,
    );
  });

  test('of everything that travels, and of nothing else', () => {
    const valueArb = fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, maxDepth: 4 });
    fc.assert(
      fc.property(valueArb, (value) => {
        let bytes: Uint8Array;
        try {
          bytes = encodeValue(value);
        } catch {
          return; // a symbol key, a sparse array: it does not travel
        }
        expect(valueText(bytes)).not.toMatch(/bytes that are no value/);
        const cut = bytes.subarray(0, -1);
        if (valueText(bytes).length < 1_900) expect(valueText(cut)).toBe(`(${cut.length} bytes that are no value)`);
      }),
      { numRuns: 1_000 },
    );
  });

  test('of noise: short, never thrown, never with what moves a cursor', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        for (const text of [valueText(noise), errorText(noise), argumentsText(noise)]) {
          expect(text.length).toBeLessThan(2_100);
          for (let i = 0; i < text.length; i++) expect(text.charCodeAt(i)).toBeGreaterThanOrEqual(0x20);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('is cut where it is long, and deep nests are no danger', () => {
    const long = encodeValue(Array.from({ length: 5_000 }, () => 'a long text that repeats'));
    expect(valueText(long)).toMatch(new RegExp(`… \\(${long.length} bytes in all\\)$`));
    expect(valueText(long).length).toBeLessThan(2_100);
    const deep = new Uint8Array(100_000).fill(0xa1);
    expect(valueText(deep)).toBe('(100000 bytes that are no value)');
    expect(valueText(encodeValue(2n ** 100_000n))).toMatch(/^0x0?1000/);
  });
});
