/** Checkpoints: read strictly, believed only under the right key, and never a reason to throw. */
import { createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { parseCheckpoint, verifyCheckpoint } from 'synapse-actors/audit';
import { describe, expect, test } from 'vitest';
import { hexOf, sha256 } from '../../src/base/hash.ts';
import { bodyOf, sampleKey, signatureLine, signedNote } from './note.ts';

const root = sha256('root');
const key = sampleKey(1, 'example.com/log');
const body = bodyOf('example.com/log', 42, root);
const note = signedNote(body, key);

/** The example of C2SP tlog-checkpoint, whose key nobody published: it is read, not believed. */
const C2SP_EXAMPLE = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
`;

test('what a checkpoint says is read, from text and from bytes', () => {
  const read = parseCheckpoint(note);
  expect(read).toMatchObject({ origin: 'example.com/log', size: 42, extensions: [], body });
  expect(hexOf(read?.root ?? new Uint8Array(0))).toBe(hexOf(root));
  expect(read?.signatures.map(({ name, keyId, signature }) => [name, keyId, signature.length])).toEqual([
    ['example.com/log', key.id.toString('hex'), 64],
  ]);
  expect(parseCheckpoint(Buffer.from(note))).toEqual(read);
  expect(parseCheckpoint(C2SP_EXAMPLE)).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20852163 });
  const extended = parseCheckpoint(signedNote(`${body}one\ntwo words\n`, key));
  expect(extended?.extensions).toEqual(['one', 'two words']);
  expect(parseCheckpoint(signedNote(bodyOf('empty', 0, sha256('')), key))?.size).toBe(0);
  expect(parseCheckpoint(signedNote(bodyOf('large', Number.MAX_SAFE_INTEGER, root), key))?.size).toBe(2 ** 53 - 1);
});

describe('a signature is believed under its key only', () => {
  const spki = createPublicKey(key.secret).export({ format: 'der', type: 'spki' });
  const raw = Buffer.from(key.publicKey);

  test.each<[string, string | Uint8Array]>([
    ['a verifier key', key.verifier],
    ['a verifier key out of a file', `${key.verifier}\n`],
    ['32 bytes', key.publicKey],
    ['a Buffer', raw],
    ['hex', raw.toString('hex')],
    ['base64', raw.toString('base64')],
    ['base64url', raw.toString('base64url')],
    ['SPKI as DER', new Uint8Array(spki)],
    ['SPKI as base64', spki.toString('base64')],
    ['PEM', createPublicKey(key.secret).export({ format: 'pem', type: 'spki' })],
  ])('given as %s', (_form, verifier) => {
    expect(verifyCheckpoint(note, verifier)).toBe(true);
    expect(verifyCheckpoint(Buffer.from(note), verifier)).toBe(true);
    const read = parseCheckpoint(note);
    expect(read !== undefined && verifyCheckpoint(read, verifier)).toBe(true);
    expect(verifyCheckpoint(signedNote(body, sampleKey(2, 'example.com/log')), verifier)).toBe(false);
    expect(verifyCheckpoint(C2SP_EXAMPLE, verifier)).toBe(false);
  });

  test('lines of other keys are passed over', () => {
    const other = sampleKey(2, 'witness.example');
    expect(verifyCheckpoint(signedNote(body, other, key, sampleKey(3, 'example.com/log')), key.verifier)).toBe(true);
    expect(verifyCheckpoint(signedNote(body, other), key.verifier)).toBe(false);
    expect(verifyCheckpoint(signedNote(body, other, key), other.verifier)).toBe(true);
    const longer = `— pq.example ${Buffer.alloc(4_900, 1).toString('base64')}\n`;
    expect(verifyCheckpoint(note + longer, key.verifier)).toBe(true);
  });

  test('one false line of the key spoils the note', () => {
    const stranger = signatureLine(bodyOf('example.com/log', 43, root), key);
    expect(verifyCheckpoint(note + stranger, key.verifier)).toBe(false);
  });

  test('the name is part of a verifier key', () => {
    const renamed = sampleKey(1, 'example.com/other');
    expect(verifyCheckpoint(note, renamed.verifier)).toBe(false);
    expect(verifyCheckpoint(signedNote(body, renamed), renamed.verifier)).toBe(true);
    const [, id = '', typed = ''] = key.verifier.split('+');
    expect(verifyCheckpoint(note, `example.com/log+${renamed.id.toString('hex')}+${typed}`)).toBe(false);
    expect(verifyCheckpoint(note, `example.com/log+${id.toUpperCase()}+${typed}`)).toBe(/^[0-9]*$/.test(id));
  });

  test('an object that only looks like a checkpoint is none', () => {
    const read = parseCheckpoint(note);
    expect(verifyCheckpoint({ ...read } as never, key.verifier)).toBe(false);
    expect(Object.isFrozen(read)).toBe(true);
  });
});

test('no bit of a checkpoint can be flipped unnoticed', () => {
  const bytes = Buffer.from(note);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const bent = Buffer.from(bytes);
    bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
    expect([bit, verifyCheckpoint(bent, bit % 2 === 0 ? key.verifier : key.publicKey)]).toEqual([bit, false]);
  }
});

describe('malformed checkpoints', () => {
  const rootText = Buffer.from(root).toString('base64');
  const line = note.slice(body.length + 1);
  /** Signed all the same: the form is wrong, not the signature. */
  const resigned = (text: string): string => signedNote(text, key);

  test.each<[string, string]>([
    ['nothing', ''],
    ['no signature', `${body}\n`],
    ['no empty line', `${body}${line}`],
    ['no newline at the end', note.slice(0, -1)],
    ['something after the signature', `${note}more\n`],
    ['an empty line after the signature', `${note}\n`],
    ['an empty line in the body', resigned(`${body}\nmore\n`)],
    ['two lines only', resigned('example.com/log\n42\n')],
    ['no origin', resigned(`\n42\n${rootText}\n`)],
    ['a size with a zero in front', resigned(`a\n042\n${rootText}\n`)],
    ['a size with a sign', resigned(`a\n+42\n${rootText}\n`)],
    ['a negative size', resigned(`a\n-1\n${rootText}\n`)],
    ['a size in hex', resigned(`a\n0x2a\n${rootText}\n`)],
    ['a size with an exponent', resigned(`a\n1e3\n${rootText}\n`)],
    ['a size with a space', resigned(`a\n42 \n${rootText}\n`)],
    ['other digits', resigned(`a\n٤٢\n${rootText}\n`)],
    ['a size of 2^53', resigned(`a\n9007199254740992\n${rootText}\n`)],
    ['a size beyond all', resigned(`a\n${'9'.repeat(40)}\n${rootText}\n`)],
    ['no size', resigned(`a\n\n${rootText}\n`)],
    ['a root of 31 bytes', resigned(`a\n42\n${Buffer.alloc(31).toString('base64')}\n`)],
    ['a root of 33 bytes', resigned(`a\n42\n${Buffer.alloc(33).toString('base64')}\n`)],
    ['a root without padding', resigned(`a\n42\n${rootText.slice(0, -1)}\n`)],
    ['a root with bits under the padding', resigned(`a\n42\n${'A'.repeat(42)}B=\n`)],
    ['a root in base64url', resigned(`a\n42\n${'_'.repeat(42)}A=\n`)],
    ['carriage returns', note.replaceAll('\n', '\r\n')],
    ['a tab', resigned(`a\tb\n42\n${rootText}\n`)],
    ['a null', resigned(`a\0b\n42\n${rootText}\n`)],
    ['a hyphen for the dash', note.replace('—', '-')],
    ['two spaces', note.replace('— ', '—  ')],
    ['no name', note.replace('example.com/log A', ' A').replace(/— \S+ /, '—  ')],
    ['a name with a plus', `${body}\n${line.replace('example.com/log', 'example.com+log')}`],
    ['a name with a no-break space', `${body}\n${line.replace('example.com/log', 'example.com\u00a0log')}`],
    ['a signature of four bytes', `${body}\n— a AAAAAA==\n`],
    ['a signature that is no base64', `${body}\n— a AAAA*AAA\n`],
    ['a lone surrogate', resigned(`a\ud800\n42\n${rootText}\n`)],
    ['a hundred and one signatures', body + '\n' + line.repeat(101)], // prettier-ignore
    ['more than a MiB', resigned(`a\n42\n${rootText}\n${'x'.repeat(1 << 20)}\n`)],
  ])('with %s are refused', (_fault, text) => {
    expect(parseCheckpoint(text)).toBeUndefined();
    expect(verifyCheckpoint(text, key.verifier)).toBe(false);
  });

  test('and so are bytes that are no UTF-8', () => {
    const bytes = Buffer.concat([Buffer.from('a'), Buffer.of(0xff), Buffer.from(`\n42\n${rootText}\n\n${line}`)]);
    expect(parseCheckpoint(bytes)).toBeUndefined();
    const marked = Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), Buffer.from(note)]);
    expect(parseCheckpoint(marked)?.origin).toBe('\ufeffexample.com/log');
    expect(verifyCheckpoint(marked, key.verifier)).toBe(false);
  });
});

test('whatever is handed in, nothing is thrown and nothing is believed', () => {
  const strangeArb = fc.oneof(
    fc.anything({ withBigInt: true, withMap: true, withTypedArray: true, withNullPrototype: true }),
    fc.string({ unit: 'binary' }),
    fc.constantFrom<unknown>(
      new Proxy({}, { get: () => { throw new TypeError('caught you looking'); } }), // prettier-ignore
      new Proxy(new Uint8Array(300), {}),
      new Uint16Array(32),
      new String(note),
      { toString: () => note },
      [note],
    ),
  );
  fc.assert(
    fc.property(strangeArb, (strange) => {
      expect(parseCheckpoint(strange as string)).toBeUndefined();
      expect(verifyCheckpoint(strange as string, key.verifier)).toBe(false);
      expect(verifyCheckpoint(note, strange as string)).toBe(false);
    }),
    { numRuns: 1_000 },
  );
  expect(Reflect.apply(parseCheckpoint, undefined, [])).toBeUndefined();
  expect(Reflect.apply(verifyCheckpoint, undefined, [])).toBe(false);
});

test('a key of small order is no key', () => {
  const zero = new Uint8Array(32);
  zero[0] = 1;
  // Under it R = zero, S = 0 would be a signature of everything.
  const forged = Buffer.concat([sampleKey(1).id, zero, Buffer.alloc(32)]);
  expect(verifyCheckpoint(`${body}\n— a ${forged.toString('base64')}\n`, zero)).toBe(false);
});
