/** One line of the input: taken when it has the shape, else told in words. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRecord } from '../../src/cli/command-record.ts';

const GOOD = { tenant: 'acme', actor: 'account', key: 'alice', call: 'deposit', args: [10], id: 'k-1' };

function faultOf(line: unknown): string {
  const read = readRecord(typeof line === 'string' ? line : JSON.stringify(line));
  return 'fault' in read ? read.fault : 'none';
}

describe('a line of the input', () => {
  it('is a command with or without an id', () => {
    expect(readRecord(JSON.stringify(GOOD))).toEqual({ record: GOOD });
    const { id: _, ...withoutId } = GOOD;
    expect(readRecord(JSON.stringify(withoutId))).toEqual({ record: withoutId });
  });

  it('may carry tagged arguments', () => {
    const read = readRecord(JSON.stringify({ ...GOOD, args: [{ $bigint: '7' }] }));
    expect('record' in read && read.record.args).toEqual([7n]);
  });

  it('is faulted in words when it has another shape', () => {
    expect(faultOf('{"tenant":')).toBe('not JSON');
    expect(faultOf('[]')).toBe('expected an object, got an array');
    expect(faultOf('null')).toBe('expected an object, got null');
    expect(faultOf({ ...GOOD, tenant: 1 })).toBe('"tenant" must be a string, got a number');
    expect(faultOf({ ...GOOD, call: undefined })).toBe('"call" must be a string, got nothing');
    expect(faultOf({ ...GOOD, args: {} })).toBe('"args" must be an array, got an object');
    expect(faultOf({ ...GOOD, id: 7 })).toBe('"id" must be a string, got a number');
    expect(faultOf({ ...GOOD, args: [{ $bigint: 'x' }] })).toBe(
      '"args": $bigint must hold the digits of an integer in a string',
    );
  });

  it('is faulted when a field is misspelt, since a lost id would cost exactly-once', () => {
    expect(faultOf({ ...GOOD, idd: 'k' })).toContain('unknown field "idd"');
    expect(faultOf('{"__proto__":{"tenant":"a"},"tenant":"a"}')).toContain('unknown field "__proto__"');
    expect(faultOf({ ...GOOD, ['x'.repeat(1_000)]: 1 }).length).toBeLessThan(150);
  });

  it('never throws, whatever it holds', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(readRecord(text)).toBeTypeOf('object');
      }),
    );
  });
});
