/** Our Ed25519 verification beside that of node:crypto, the vectors of RFC 8032, and signatures bent on purpose. */
import { createHash, createPublicKey, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { verifyEd25519 } from '../../src/audit/ed25519.ts';
import { noteKey } from './note.ts';

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

function byNode(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]);
  return verify(null, message, createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature);
}

/** Order of the group, and the field's prime. */
const L = (1n << 252n) + 27742317777372353535851937790883648493n;
const P = (1n << 255n) - 19n;

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

const numberOf = (bytes: Uint8Array): bigint => bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);

/** RFC 8032 section 7.1: public key, message, signature. */
const RFC_VECTORS = [
  [
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
  [
    'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
  ],
] as const;

describe('the vectors of RFC 8032', () => {
  test.each(RFC_VECTORS)('of key %s verify, and no longer with any other message', (key, message, signature) => {
    expect(verifyEd25519(bytesOf(signature), bytesOf(message), bytesOf(key))).toBe(true);
    expect(byNode(bytesOf(signature), bytesOf(message), bytesOf(key))).toBe(true);
    expect(verifyEd25519(bytesOf(signature), bytesOf(`${message}00`), bytesOf(key))).toBe(false);
  });
});

const seedArb = fc.uint8Array({ minLength: 32, maxLength: 32 });
const messageArb = fc.uint8Array({ maxLength: 200 });

test('random keys and messages: both say yes, and after one flipped bit both say no', () => {
  fc.assert(
    fc.property(seedArb, messageArb, fc.nat(511), fc.nat(255), (seed, message, bit, keyBit) => {
      const { secret, publicKey } = noteKey(seed);
      const signature = new Uint8Array(sign(null, message, secret));
      expect(verifyEd25519(signature, message, publicKey)).toBe(true);
      const bent = signature.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
      expect(verifyEd25519(bent, message, publicKey)).toBe(false);
      expect(byNode(bent, message, publicKey)).toBe(false);
      const otherKey = publicKey.map((byte, i) => (i === keyBit >> 3 ? byte ^ (1 << (keyBit & 7)) : byte));
      expect(verifyEd25519(signature, message, otherKey)).toBe(false);
    }),
    { numRuns: 100 },
  );
});

test('random bytes are no signature, and no length but 64 and 32 is looked at', () => {
  const { publicKey } = noteKey(new Uint8Array(32).fill(9));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ maxLength: 40 }), messageArb, (one, two, message) => {
      expect(verifyEd25519(one, message, publicKey)).toBe(false);
      expect(verifyEd25519(one, message, two)).toBe(false);
    }),
  );
});

describe('signatures that are right but not in their one form', () => {
  const { secret, publicKey } = noteKey(new Uint8Array(32).fill(7));
  const message = new TextEncoder().encode('pay 10 to alice');
  const signature = new Uint8Array(sign(null, message, secret));

  test('S + L, S + 2 L and so on to 2^256 are refused here and there', () => {
    const s = numberOf(signature.subarray(32));
    let tried = 0;
    for (let bent = s + L; bent < 1n << 256n; bent += L) {
      const malleated = new Uint8Array([...signature.subarray(0, 32), ...littleEndian(bent)]);
      expect(verifyEd25519(malleated, message, publicKey)).toBe(false);
      expect(byNode(malleated, message, publicKey)).toBe(false);
      tried += 1;
    }
    expect(tried).toBeGreaterThanOrEqual(14);
  });

  test('-R and -S are refused', () => {
    const s = numberOf(signature.subarray(32));
    const negated = new Uint8Array([...signature.subarray(0, 32), ...littleEndian(L - s)]);
    expect(verifyEd25519(negated, message, publicKey)).toBe(false);
    const mirrored = signature.map((byte, i) => (i === 31 ? byte ^ 0x80 : byte));
    expect(verifyEd25519(mirrored, message, publicKey)).toBe(false);
  });
});

describe('keys that are no keys', () => {
  /** y of the points of order 1, 2, 4 and 8, as it is known from every list of them. */
  const SMALL_ORDER = [
    littleEndian(1n),
    littleEndian(P - 1n),
    littleEndian(0n),
    bytesOf('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'),
    bytesOf('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
  ];

  test('of small order, for which one signature fits messages without number', () => {
    for (const key of SMALL_ORDER) {
      for (const sign of [0x00, 0x80]) {
        const signed = key.map((byte, i) => (i === 31 ? byte | sign : byte));
        // R = zero point, S = 0: where h·A is zero too, the equation holds.
        const forged = new Uint8Array([...littleEndian(1n), ...littleEndian(0n)]);
        for (let n = 0; n < 8; n++) expect(verifyEd25519(forged, Uint8Array.of(n), signed)).toBe(false);
      }
    }
  });

  /** R = zero point, S = 0 is a signature of everything under a key that is taken for zero. */
  const nothing = new Uint8Array([...littleEndian(1n), ...littleEndian(0n)]);

  test('with y at or beyond the prime, with the sign of a zero, or off the curve', () => {
    const keys = [littleEndian(P + 1n), littleEndian(1n | (1n << 255n)), littleEndian(P), littleEndian(2n)];
    for (const key of keys) expect(verifyEd25519(nothing, Uint8Array.of(1), key)).toBe(false);
  });

  test('and R has one form as well, also for who has the key and makes the equation hold', () => {
    const seed = new Uint8Array(32).fill(3);
    const { publicKey } = noteKey(seed);
    const digest = createHash('sha512').update(seed).digest();
    const scalar = (numberOf(digest.subarray(0, 32)) & ((1n << 254n) - 8n)) | (1n << 254n); // RFC 8032 section 5.1.5
    const message = Uint8Array.of(1);
    // R = zero, S = h·a: right for y = 1, and y = p + 1 is the same number.
    const withR = (y: bigint): Uint8Array => {
      const r = littleEndian(y);
      const h = numberOf(createHash('sha512').update(r).update(publicKey).update(message).digest());
      return new Uint8Array([...r, ...littleEndian((h * scalar) % L)]);
    };
    expect(verifyEd25519(withR(1n), message, publicKey)).toBe(true);
    for (const y of [P + 1n, 1n | (1n << 255n)]) {
      expect(verifyEd25519(withR(y), message, publicKey)).toBe(false);
      expect(byNode(withR(y), message, publicKey)).toBe(false);
    }
  });
});
