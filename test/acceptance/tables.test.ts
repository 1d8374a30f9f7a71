/** api.md, "Tables": a keyed collection beside the state, in UTF-8 byte order, rolled back with the turn. */
import { describe, expect, it } from 'vitest';
import { shelf } from './fixtures/shelf.ts';
import { codeOf, folder, open, rootOf, same } from './harness.ts';

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

describe('a table', () => {
  it('gets, sets, deletes, counts and lists', async () => {
    const system = await open('shelf');
    const ref = system.ref(shelf, 'acme', 's');
    same(await ref.get('a'), undefined);
    same([await ref.put('b', 'second'), await ref.put('a', 'first'), await ref.put('b', 'again')], [1, 2, 2]);
    same(await ref.get('b'), { text: 'again', tags: [] });
    same([await ref.has('a'), await ref.has('c'), await ref.size()], [true, false, 2]);
    same(await ref.entries(), [
      ['a', { text: 'first', tags: [] }],
      ['b', { text: 'again', tags: [] }],
    ]);
    same([await ref.remove('a'), await ref.remove('a')], [true, false]);
    same(await ref.keys(), ['b']);
  });

  it('is iterated in the order of UTF-8 bytes, which is not the order of UTF-16 units', async () => {
    const system = await open('shelf', { dataDir: folder() });
    const keys = [
      '\u{1f600}',
      '\uff5e',
      'z',
      'a',
      '',
      'ab',
      'aa',
      'ä',
      '\uffff',
      '\u{10000}',
      'a\0',
      '10',
      '9',
      '-1',
      '__proto__',
      'constructor',
      'A',
    ];
    const ref = system.ref(shelf, 'acme', 's');
    same(await ref.putAll(keys), keys.length);
    same(await ref.keys(), [...keys].sort(byBytes));
    expect([...keys].sort(byBytes)).not.toEqual([...keys].sort());
    same(
      (await ref.entries()).map(([key]) => key),
      [...keys].sort(byBytes),
    );
    for (const key of keys) same((await ref.get(key))?.text, key);
  });

  it('shows a turn its own writes, in order', async () => {
    const system = await open('shelf');
    const ref = system.ref(shelf, 'acme', 's');
    await ref.putAll(['a', 'c', 'e']);
    same(await ref.changeThenList('d', 'c'), ['a', 'd', 'e']);
    same(await ref.changeThenList('0', 'e'), ['0', 'a', 'd']);
    same(await ref.keys(), ['0', 'a', 'd']);
  });

  it('is rolled back with the turn: overwritten, deleted and added entries', async () => {
    const system = await open('shelf');
    const ref = system.ref(shelf, 'acme', 's');
    await ref.putAll(['keep', 'drop']);
    const before = [await ref.entries(), await rootOf(system, 'acme')];
    same(await codeOf(ref.changeThenFail('keep', 'drop', 'add')), 'HANDLER_FAILED');
    same([await ref.entries(), await rootOf(system, 'acme')], before);
  });

  it('is separate from another table, from another actor and from the state', async () => {
    const system = await open('shelf');
    const ref = system.ref(shelf, 'acme', 's');
    await ref.put('a', 'x');
    same(await ref.putOther('a'), 1);
    same([await ref.get('a'), await ref.writes()], [{ text: 'x', tags: [] }, 1]);
    same(await system.ref(shelf, 'acme', 't').size(), 0);
  });

  it('holds frozen values', async () => {
    const system = await open('shelf');
    const ref = system.ref(shelf, 'acme', 's');
    await ref.put('a', 'x');
    same(await ref.attack('a'), 'TypeError');
    same(await ref.get('a'), { text: 'x', tags: [] });
  });

  it('cannot be written by a query', async () => {
    const system = await open('shelf');
    const ref = system.ref(shelf, 'acme', 's');
    await ref.put('a', 'x');
    same(await codeOf(ref.putInQuery('b')), 'HANDLER_FAILED');
    same(await ref.keys(), ['a']);
  });

  it('survives close and reopen with the same root', async () => {
    const dataDir = folder();
    const first = await open('shelf', { dataDir });
    const keys = Array.from({ length: 300 }, (_, i) => `key ${i}`);
    await first.ref(shelf, 'acme', 's').putAll(keys);
    await first.ref(shelf, 'acme', 's').remove('key 7');
    const root = await rootOf(first, 'acme');
    await first.close();
    const second = await open('shelf', { dataDir });
    same(await rootOf(second, 'acme'), root);
    same(await second.ref(shelf, 'acme', 's').keys(), keys.filter((key) => key !== 'key 7').sort(byBytes));
  });

  it('gives the same state root whatever the history that led to it', async () => {
    const system = await open('shelf');
    const one = system.ref(shelf, 'one', 's');
    await one.put('a', '1');
    await one.put('b', '2');
    const two = system.ref(shelf, 'two', 's');
    await two.put('b', '0');
    await two.put('c', '3');
    await two.remove('c');
    await two.put('a', '1');
    await two.put('b', '2');
    // `writes` is part of the state: bring both to the same count.
    await one.put('a', '1');
    await one.put('b', '2');
    same(await two.writes(), await one.writes());
    same(await rootOf(system, 'one'), await rootOf(system, 'two'));
  });
});
