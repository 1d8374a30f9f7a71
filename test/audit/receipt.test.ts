/** Receipts: an honest one says what was recorded, a bent one is refused with a reason, and nothing makes the verifier throw. */
import fc from 'fast-check';
import { verifyReceipt } from 'synapse-actors/audit';
import { describe, expect, test } from 'vitest';
import { formatReceipt } from '../../src/audit/receipt-text.ts';
import { sha256 } from '../../src/base/hash.ts';
import { ByteSink } from '../../src/base/byte-sink.ts';
import { SynapseError } from '../../src/base/error.ts';
import { encodeArguments, encodeValue } from '../../src/frame/codec.ts';
import { encodeExtension } from '../../src/frame/extension.ts';
import { encodeError, FRAME_KIND } from '../../src/frame/frame.ts';
import { sampleKey, signedNote } from './note.ts';
import { callRecord, SampleHost } from './receipt-maker.ts';

const key = sampleKey(1);

/** The lines of an outcome as a step writes them. */
function outcomeOf(write: (sink: ByteSink) => void): Uint8Array {
  const sink = new ByteSink();
  write(sink);
  return sink.take();
}

const OUTCOME = outcomeOf((sink) => {
  sink.text('row');
  sink.text('account\0alice');
  sink.text('sbalance');
  sink.bytes(encodeValue(30));
  sink.text('reply');
  sink.f64(7);
  sink.text('ok');
  sink.bytes(encodeValue(30));
});

const acme = [
  callRecord('acme'),
  callRecord('acme', { handler: 'pay', payload: encodeArguments(['bob', 5]) }, { digest: sha256(OUTCOME) }),
  callRecord('acme', { handler: 'close' }),
];
const host = new SampleHost(key, [
  { tenant: 'acme', records: acme },
  { tenant: 'zoo', records: [callRecord('zoo')] },
  { tenant: 'médoc', records: [callRecord('médoc'), callRecord('médoc')], blinding: new Uint8Array(32).fill(8) },
]);
const honest = host.receipt('acme', 2, { outcome: OUTCOME });

function reasonOf(text: string, verifier: string | Uint8Array = key.verifier): string {
  const verdict = verifyReceipt(text, verifier);
  return verdict.ok ? 'it was believed' : verdict.reason;
}

describe('an honest receipt', () => {
  test('says who asked what, when, and what came of it', () => {
    const verdict = verifyReceipt(honest, key.verifier);
    expect(verdict).toMatchObject({
      ok: true,
      tenant: 'acme',
      seq: 2,
      size: 3,
      timeMs: 1_700_000_000_123,
      host: key.name,
      record: acme[1],
      words: [
        'tenant     "acme"',
        'entry      2 of the 3 in the log that the host signed',
        "time       2023-11-14T22:13:20.123Z, by the host's clock",
        'input      call pay("bob", 5)',
        'to         account/alice',
        "from       the host's own process",
        "outcome    answered 30, to the host's own process",
        '           account/alice state balance = 30',
      ],
    });
    if (!verdict.ok) return;
    expect(honest).toContain(verdict.words.map((line) => `| ${line}\n`).join(''));
    expect(verdict.says.join('\n')).toContain('Entry 2 of that log is this input');
    expect(verdict.saysNot.join('\n')).toContain('code');
    expect(honest).toContain(verdict.checkpoint);
    expect(honest).toContain(verdict.hostCheckpoint);
  });

  test('is checked with any form of the key, and as bytes', () => {
    for (const form of [key.verifier, `${key.verifier}\n`, key.publicKey, Buffer.from(key.publicKey).toString('hex')]) {
      expect(verifyReceipt(honest, form).ok).toBe(true);
      expect(verifyReceipt(Buffer.from(honest), form).ok).toBe(true);
    }
  });

  test('without the outcome says its digest, and that it is not shown', () => {
    const verdict = verifyReceipt(host.receipt('acme', 1), key.verifier);
    expect(verdict).toMatchObject({ ok: true, seq: 1 });
    if (!verdict.ok) return;
    expect(verdict.words.at(-1)).toBe(`outcome    not disclosed; its digest is ${'06'.repeat(32)}`);
    expect(verdict.saysNot).toHaveLength(4);
  });

  test('of a blinded log discloses the key of its leaf', () => {
    const text = host.receipt('médoc', 2);
    expect(text).toContain('--- blinding ---');
    expect(verifyReceipt(text, key.verifier)).toMatchObject({ ok: true, tenant: 'médoc', seq: 2 });
    expect(() => host.receipt('médoc', 2, { blinding: undefined })).not.toThrow();
    expect(reasonOf(host.receipt('médoc', 2, { blinding: undefined }))).toMatch(/not in the tenant's log/);
    expect(reasonOf(host.receipt('médoc', 2, { blinding: new Uint8Array(32) }))).toMatch(/not in the tenant's log/);
  });

  test('is proved under a key that has another name than hosts draw', () => {
    const named = new SampleHost(sampleKey(1, 'example.com/host'), [{ tenant: 'acme', records: acme }]);
    expect(verifyReceipt(named.receipt('acme', 3), named.key.verifier)).toMatchObject({ host: 'example.com/host' });
    expect(reasonOf(named.receipt('acme', 3), named.key.publicKey)).toMatch(/another name/);
  });
});

describe('every kind of input in words', () => {
  const source = { tenant: 'bank', type: 'vault', key: 'main' };
  const nowhere = { tenant: 'acme', type: '', key: '' };
  const error = new SynapseError('REFUSED', 'no "money"', { amount: 5 });
  const kinds: readonly (readonly [string, Parameters<typeof callRecord>[1], readonly string[]])[] = [
    [
      'a tell of another tenant',
      {
        kind: FRAME_KIND.tell,
        source,
        extension: encodeExtension({ principal: 'user:7', idempotencyKey: 'k 1', deadlineMs: 5, chain: ['x'] }),
      },
      [
        'input      tell deposit(10)',
        'from       vault/main of tenant "bank"',
        'by         "user:7"',
        'key        "k 1"',
      ],
    ],
    [
      'a reply',
      { kind: FRAME_KIND.reply, source, target: nowhere, handler: '', correlation: 9, payload: encodeValue([1]) },
      ['input      reply of tenant bank to message 9: [1]'],
    ],
    [
      'a refusal of another tenant',
      { kind: FRAME_KIND.reply, flags: 1, source, target: nowhere, handler: '', payload: encodeError(error) },
      ['input      reply of tenant bank to message 0: error REFUSED: "no \\"money\\"" {amount: 5}'],
    ],
    [
      'a result of an effect',
      { kind: FRAME_KIND.effectResult, target: nowhere, handler: '12', payload: encodeValue({ sent: true }) },
      ['input      result of effect 12: {sent: true}'],
    ],
    [
      'a timer',
      { kind: FRAME_KIND.timer, target: nowhere, handler: 't1', payload: new Uint8Array(0) },
      ['input      timer t1 was due'],
    ],
    [
      'an order',
      { kind: FRAME_KIND.control, target: nowhere, handler: 'migrate', payload: encodeValue({ account: 2 }) },
      ['input      order migrate {account: 2}'],
    ],
  ];

  test.each(kinds)('%s', (_what, frame, lines) => {
    const one = new SampleHost(key, [{ tenant: 'acme', records: [callRecord('acme', frame)] }]);
    const verdict = verifyReceipt(one.receipt('acme', 1), key.verifier);
    expect(verdict).toMatchObject({ ok: true, words: expect.arrayContaining([...lines]) as string[] });
  });

  test('what hides or turns the writing around is written out', () => {
    const tenant = 'a\u202eb"c\u200d\\';
    const one = new SampleHost(key, [{ tenant, records: [callRecord(tenant)] }]);
    const verdict = verifyReceipt(one.receipt(tenant, 1), key.verifier);
    expect(verdict).toMatchObject({ ok: true, tenant });
    if (verdict.ok) expect(verdict.words[0]).toBe('tenant     "a\\u{202e}b\\"c\\u{200d}\\\\"');
  });
});

describe('a bent receipt is refused', () => {
  const other = new SampleHost(sampleKey(2), [{ tenant: 'acme', records: acme }]);
  const zoo = host.parts('zoo', 1);
  const parts = { ...host.parts('acme', 2), outcome: OUTCOME };
  const bent = (change: object): string => formatReceipt({ ...parts, ...change }, 3);

  test.each<[string, string, RegExp]>([
    ['of another host', other.receipt('acme', 2), /not signed by this key/],
    [
      'with the lines changed',
      honest.replace('| input      call pay("bob", 5)', '| input      call pay("bob", 6)'),
      /lines for people/,
    ],
    ['with a line more', honest.replace('| to ', '| also       nothing\n| to '), /lines for people/],
    ['with the outcome left out', honest.replace(/--- outcome ---\n[^-]*/, ''), /lines for people/],
    ['with the record of another entry', bent({ record: acme[0] }), /not in the tenant's log/],
    ['at another place', bent({ tenantLog: { ...parts.tenantLog, index: 0 } }), /not in the tenant's log/],
    ['with the salt of another tenant', bent({ salt: zoo.salt }), /of another tenant/],
    ['with the log of another tenant', bent({ tenantLog: zoo.tenantLog }), /of another tenant/],
    ['with the host proof of another tenant', bent({ hostLog: zoo.hostLog }), /not in the host's log/],
    [
      'with the logs exchanged',
      bent({ tenantLog: parts.hostLog, hostLog: parts.tenantLog }),
      /of a log of another name/,
    ],
    [
      'with a checkpoint of another key',
      bent({ tenantLog: other.parts('acme', 2).tenantLog }),
      /tenant's checkpoint is not signed/,
    ],
    [
      'with another outcome',
      bent({ outcome: OUTCOME.map((byte) => (byte === 30 ? 31 : byte)) }),
      /not the one that was recorded/,
    ],
    [
      'with an outcome that is none',
      `${honest.replace(/--- outcome ---\n[^-]*/, '--- outcome ---\nAAAA\n')}`,
      /not the one that was recorded/,
    ],
    ['with a line too long', honest.replace(/(--- record ---\n.{76})\n/, '$1'), /one way/],
    [
      'with a section twice',
      honest.replace('--- tenant salt ---', '--- tenant salt ---\nAAAA\n--- tenant salt ---'),
      /one way/,
    ],
    [
      'with an unknown section',
      honest.replace('--- tenant salt ---', '--- note ---\nAAAA\n--- tenant salt ---'),
      /one way/,
    ],
    [
      'with sections exchanged',
      honest.replace(/(--- outcome ---\n[^-]*)(--- tenant salt ---\n[^-]*)/, '$2$1'),
      /one way/,
    ],
    ['cut short', honest.slice(0, -10), /form/],
    ['with something behind', `${honest}more\n`, /form/],
    ['of another version', honest.replace('@v1', '@v2'), /form/],
    ['with carriage returns', honest.replaceAll('\n', '\r\n'), /form/],
    ['with a note that is malformed', honest.replace('— ', '- '), /malformed/],
    ['that is nothing', '', /form/],
  ])('%s', (_fault, text, reason) => {
    expect(text).not.toBe(honest);
    expect(reasonOf(text)).toMatch(reason);
  });

  test('when its record is of another version, or its frame of another tenant than its log', () => {
    const strange = callRecord('acme');
    strange[0] = 9;
    const one = new SampleHost(key, [{ tenant: 'acme', records: [strange] }]);
    expect(() => one.receipt('acme', 1)).toThrow(RangeError);
    const text = new SampleHost(key, [{ tenant: 'acme', records: [callRecord('acme')] }]).receipt('acme', 1);
    const nine = text.replace(/(--- record ---\n)AQ/, '$1CQ');
    expect(reasonOf(nine)).toMatch(/record cannot be read: a record of another version/);
    const crossed = new SampleHost(key, [{ tenant: 'acme', records: [callRecord('zoo')] }]);
    expect(reasonOf(crossed.receipt('acme', 1))).toMatch(/of another tenant/);
  });

  test('when the host has signed the tenant into no log of its own', () => {
    const alone = { ...parts.hostLog, checkpoint: signedNote(`${key.name}\n0\n${'A'.repeat(43)}=\n`, key), hashes: [] };
    expect(reasonOf(bent({ hostLog: alone }))).toMatch(/not in the host's log/);
  });

  test('when the key is none', () => {
    expect(reasonOf(honest, 'a key')).toMatch(/no Ed25519 verifier key/);
    expect(reasonOf(honest, new Uint8Array(32))).toMatch(/not signed by this key/);
    expect(reasonOf(honest, sampleKey(2).verifier)).toMatch(/not signed by this key/);
  });
});

test('no character of a receipt can be changed unnoticed', () => {
  const bytes = Buffer.from(honest);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const bent = Buffer.from(bytes);
      bent[at] = (bent[at] as number) ^ mask;
      expect(verifyReceipt(bent, key.verifier).ok).toBe(false);
    }),
    { numRuns: 500 },
  );
});

test('no line of a receipt can be left out, doubled or moved unnoticed', () => {
  const lines = honest.split('\n');
  for (let at = 0; at < lines.length - 1; at++) {
    expect(verifyReceipt(lines.toSpliced(at, 1).join('\n'), key.verifier).ok).toBe(false);
    // A second signature of the same key says nothing new: signed notes may have any number.
    const isSignature = lines[at]?.startsWith('— ') === true;
    expect(verifyReceipt(lines.toSpliced(at, 0, lines[at] as string).join('\n'), key.verifier).ok).toBe(isSignature);
    const moved = lines.with(at, lines[at + 1] as string).with(at + 1, lines[at] as string);
    if (lines[at] !== lines[at + 1]) expect(verifyReceipt(moved.join('\n'), key.verifier).ok).toBe(false);
  }
});

test('whatever is handed in, nothing is thrown and nothing is believed', () => {
  const strangeArb = fc.oneof(
    fc.anything({ withBigInt: true, withMap: true, withTypedArray: true, withNullPrototype: true }),
    fc.string({ unit: 'binary' }),
    fc.constantFrom<unknown>(
      new Proxy({}, { get: () => { throw new TypeError('caught you looking'); } }), // prettier-ignore
      new Proxy(new Uint8Array(300), {}),
      new String(honest),
      { toString: () => honest },
    ),
  );
  fc.assert(
    fc.property(strangeArb, (strange) => {
      expect(verifyReceipt(strange as string, key.verifier).ok).toBe(false);
      expect(verifyReceipt(honest, strange as string).ok).toBe(false);
    }),
    { numRuns: 500 },
  );
  expect(Reflect.apply(verifyReceipt, undefined, []).ok).toBe(false);
});

test('a record of random bytes in an honest log is refused, not choked on', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(180), (noise, at) => {
      // Half of it a real record, so that the decoder gets somewhere.
      const record = callRecord('acme');
      const from = at % record.length;
      record.set(noise.subarray(0, record.length - from), from);
      const one = new SampleHost(key, [{ tenant: 'acme', records: [record] }]);
      let text: string;
      try {
        text = one.receipt('acme', 1);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
        return;
      }
      expect(verifyReceipt(text, key.verifier).ok).toBe(text.includes('| tenant     "acme"\n'));
    }),
    { numRuns: 300 },
  );
});
