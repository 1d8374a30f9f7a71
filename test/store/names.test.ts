/** Hostile tenant names: each its own tenant, whatever it looks like. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { shardOf } from '../../src/base/address.ts';
import { compareUtf8 } from '../../src/base/text.ts';
import { openLmdb } from '../../src/store/lmdb.ts';
import { Store } from '../../src/store/store.ts';
import type { StepRecord } from '../../src/store/store.ts';

const long = (text: string, length: number): string => text.repeat(Math.ceil(length / text.length)).slice(0, length);

/** Prefix pairs, look-alikes, normalisation pairs, path and key metacharacters, numbers, long ones, odd ones. */
const NAMES: readonly string[] = [
  ['a', 'aa', 'aaa', 'A', 'a ', ' a', 'a\u00a0', 'a\u2009', 'a\u200b', '\u200ba', 'a\ufeff', 'a\u00ad'],
  ['.', '..', '...', './a', '../a', '/a', 'a/', 'a/b', 'a//b', 'a\\b', '\\', '/', '//', '~', '~root', '/etc/passwd'],
  ['%', '%00', '%2e%2e', '%2F', '%252F', 'a%', '%a', '$HOME', '${x}', '`id`', '*', '?', '[a]', '{a,b}', '|', ';', '&&'],
  [
    'con',
    'CON',
    'nul',
    'aux',
    'com1',
    'data.mdb',
    'lock.mdb',
    'synapse.lock.1',
    '.git',
    '-rf',
    '--help',
    'sys:',
    'sys:timers',
  ],
  [
    '\u00e9',
    'e\u0301',
    '\u00c5',
    '\u212b',
    'A\u030a',
    '\ufb01',
    'fi',
    '\u00df',
    'ss',
    'SS',
    '\u0131',
    'i',
    'I',
    '\u0130',
    'i\u0307',
  ],
  [
    'p\u0430ypal',
    'paypal',
    '\u0440aypal',
    'payp\u0430l',
    'paypa1',
    '\uff50\uff41\uff59',
    'pay',
    '\u037e',
    '\u1fef',
    '\u2126',
    '\u03a9',
  ],
  [
    '0',
    '00',
    '1',
    '01',
    '1.0',
    '1e0',
    '-0',
    '+1',
    '0x1',
    'NaN',
    'null',
    'undefined',
    'true',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
  ],
  [
    '\u{1f600}',
    '\u{1f600}\u{fe0f}',
    '\u{1f468}\u200d\u{1f469}',
    '\u{10ffff}',
    '\uffff',
    '\ufffd',
    '\ue000',
    '\u{10000}',
    '\u202eabc',
    'abc\u202e',
    '\u2066a',
  ],
  [
    '"',
    "'",
    '""',
    "';--",
    '<script>',
    '<!--',
    ']]>',
    ',',
    'a,b',
    '=',
    '#',
    '@',
    ':',
    'a:b',
    'a::b',
    'a|b',
    '(',
    ')',
    '!',
    '^',
  ],
  [
    '\u5f20',
    '\u5f35',
    '\u9577',
    '\u9577\u3044',
    '\u0627\u0644',
    '\u0627\u0644\u0639',
    '\u05d0',
    '\u0e01',
    '\u1100\u1161',
    '\uac00',
  ],
  [
    long('a', 255),
    long('a', 256),
    `${long('a', 255)}b`,
    `b${long('a', 255)}`,
    long('\u{1f600}', 128),
    long('\u00e9', 128),
    long('/', 256),
    long('../', 255),
  ],
].flat();

test('150 hostile names and more are tenants that never meet, on disk and after opening again', () => {
  expect(NAMES.length).toBeGreaterThanOrEqual(150);
  expect(new Set(NAMES).size).toBe(NAMES.length);
  const dir = mkdtempSync(join(tmpdir(), 'synapse-names.'));
  try {
    const step = (tenant: string, seq: number): StepRecord => ({
      shard: shardOf(tenant, 4),
      tenant,
      seq,
      body: new Uint8Array(Buffer.from(`${tenant}#${seq}`)),
      events: [{ topic: tenant, offset: seq - 1, timeMs: 0, value: new Uint8Array(Buffer.from(tenant)) }],
    });
    const store = Store.open({ driver: openLmdb(dir), shards: 4 });
    const files = readdirSync(dir).toSorted();
    for (const seq of [1, 2])
      store.commit(
        NAMES.map((tenant) => step(tenant, seq)),
        [],
      );
    // Every name is also a group and a row name of every tenant of the same initial: they must not meet either.
    store.commit(
      [],
      NAMES.map((tenant) => ({
        tenant,
        shard: shardOf(tenant, 4),
        seq: 2,
        image: new Uint8Array(Buffer.from(tenant)),
        changes: NAMES.map((name) => ({
          space: 'state' as const,
          group: name,
          name: tenant,
          value: new Uint8Array(Buffer.from(`${tenant}${name}`)),
        })),
      })),
    );
    store.close();
    const opened = Store.open({ driver: openLmdb(dir), shards: 4 });
    expect(opened.tenants().map(({ tenant }) => tenant)).toEqual(NAMES.toSorted(compareUtf8));
    for (const tenant of NAMES) {
      const text = [...opened.records(tenant, 1)].map(({ body }) => Buffer.from(body).toString());
      expect(text).toEqual([`${tenant}#1`, `${tenant}#2`]);
      expect(Buffer.from(opened.loadDomain(tenant)?.image ?? []).toString()).toBe(tenant);
      expect(opened.events(tenant, tenant, 0, 9).map(({ value }) => Buffer.from(value).toString())).toEqual([
        tenant,
        tenant,
      ]);
      const group = NAMES[(NAMES.indexOf(tenant) * 7 + 3) % NAMES.length] as string;
      expect(opened.loadGroup(tenant, group).map(({ name, value }) => [name, Buffer.from(value).toString()])).toEqual([
        [tenant, `${tenant}${group}`],
      ]);
    }
    opened.close();
    expect(readdirSync(dir).toSorted()).toEqual(files);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
