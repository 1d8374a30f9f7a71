/**
 * Verification of Ed25519 signatures, RFC 8032 section 5.1.7, in BigInt: synchronous, anywhere, and small.
 * Verifying handles no secret, so nothing here needs to run in constant time; nothing here can sign.
 *
 * Strict: S below the group's order, points in their one canonical form, keys of small order (for which
 * anybody can make signatures) refused; cofactorless, as OpenSSL does. Why our own: docs/adr/0022.
 */
import { sha512 } from '@noble/hashes/sha2.js';
import { joinBytes } from './bytes.ts';

/** Bytes of a public key. */
export const PUBLIC_KEY_BYTES = 32;
/** Bytes of a signature. */
const SIGNATURE_BYTES = 64;

/** The field's prime, 2^255 - 19. */
const P = (1n << 255n) - 19n;
/** Order of the base point. */
const L = (1n << 252n) + 27742317777372353535851937790883648493n;
/** Of the curve -x² + y² = 1 + d x² y²: -121665/121666. */
const D = mod(-121665n * power(121666n, P - 2n));
/** A square root of -1. */
const ROOT_OF_MINUS_1 = power(2n, (P - 1n) / 4n);
const SIGN_BIT = 1n << 255n;

/** Extended coordinates of RFC 8032 section 5.1.4: x = X/Z, y = Y/Z, x·y = T/Z. */
interface Point {
  readonly x: bigint;
  readonly y: bigint;
  readonly z: bigint;
  readonly t: bigint;
}

const ZERO: Point = { x: 0n, y: 1n, z: 1n, t: 0n };
const BASE_POINT: Point = basePoint();

/** True when `signature` is that of `message` under `publicKey`; lengths are part of the check. */
export function verifyEd25519(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES || publicKey.length !== PUBLIC_KEY_BYTES) return false;
  const key = decodePoint(publicKey);
  if (key === undefined || isSmallOrder(key)) return false;
  const r = decodePoint(signature.subarray(0, 32));
  const s = littleEndian(signature.subarray(32));
  if (r === undefined || s >= L) return false;
  const h = littleEndian(sha512(joinBytes(signature.subarray(0, 32), publicKey, message))) % L;
  return isSame(combine(s, BASE_POINT, h, negate(key)), r);
}

function mod(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

function power(root: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = root;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
  return value;
}

/** RFC 8032 section 5.1.3; nothing for y ≥ p, for no point of the curve, and for x = 0 with its sign set. */
function decodePoint(bytes: Uint8Array): Point | undefined {
  const encoded = littleEndian(bytes);
  const isOdd = (encoded & SIGN_BIT) !== 0n;
  const y = encoded & (SIGN_BIT - 1n);
  if (y >= P) return undefined;
  const u = mod(y * y - 1n);
  const v = mod(D * y * y + 1n);
  const v3 = mod(v * v * v);
  let x = mod(u * v3 * power(mod(u * v3 * v3 * v), (P - 5n) / 8n));
  const check = mod(v * x * x);
  if (check === mod(-u)) x = mod(x * ROOT_OF_MINUS_1);
  else if (check !== u) return undefined;
  if (x === 0n && isOdd) return undefined;
  if (((x & 1n) === 1n) !== isOdd) x = mod(-x);
  return { x, y, z: 1n, t: mod(x * y) };
}

function basePoint(): Point {
  const bytes = new Uint8Array(32).fill(0x66);
  bytes[0] = 0x58; // y = 4/5, x even (RFC 8032 section 5.1)
  return decodePoint(bytes) as Point;
}

/** RFC 8032 section 5.1.4; complete, so it doubles as well. */
function add(p: Point, q: Point): Point {
  const a = mod((p.y - p.x) * (q.y - q.x));
  const b = mod((p.y + p.x) * (q.y + q.x));
  const c = mod(2n * p.t * q.t * D);
  const d = mod(2n * p.z * q.z);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return { x: mod(e * f), y: mod(g * h), z: mod(f * g), t: mod(e * h) };
}

function negate(p: Point): Point {
  return { x: mod(-p.x), y: p.y, z: p.z, t: mod(-p.t) };
}

/** m·p + n·q, bit by bit from the top, both at once. */
function combine(m: bigint, p: Point, n: bigint, q: Point): Point {
  const both = add(p, q);
  let sum = ZERO;
  // 253 bits hold every number below L.
  for (let bit = 252n; bit >= 0n; bit--) {
    sum = add(sum, sum);
    const [inM, inN] = [(m >> bit) & 1n, (n >> bit) & 1n];
    if (inM === 1n) sum = add(sum, inN === 1n ? both : p);
    else if (inN === 1n) sum = add(sum, q);
  }
  return sum;
}

function isSame(p: Point, q: Point): boolean {
  return mod(p.x * q.z - q.x * p.z) === 0n && mod(p.y * q.z - q.y * p.z) === 0n;
}

/** Order 1, 2, 4 or 8: eight times the point is zero. */
function isSmallOrder(p: Point): boolean {
  let eightfold = p;
  for (let i = 0; i < 3; i++) eightfold = add(eightfold, eightfold);
  return isSame(eightfold, ZERO);
}
