/** A store whose tenants are read as they are asked for: nobody can tell, but by what has been read. */
import { expect, test } from 'vitest';
import { decodeStoreAnswer, encodeStoreRequest, type StoreAnswer } from '../../src/actor/store-port.ts';
import { decodeError } from '../../src/frame/frame.ts';
import { KeyRing, PLAIN_RING } from '../../src/store/key-ring.ts';
import { MemoryKeySlots } from '../../src/store/key-slots.ts';
import type { KeyValue, RangeOptions, Row } from '../../src/store/key-value.ts';
import { MemoryKeyValue } from '../../src/store/memory.ts';
import { KIND, nameKey, tenantKey } from '../../src/store/schema.ts';
import { StoreHost } from '../../src/store/store-host.ts';
import { Store } from '../../src/store/store.ts';
import { bodies, open, SHARDS, step } from './records.ts';

const TENANTS = 1_200; // more than are read in two slices
const nameOf = (at: number): string => `tenant ${at}`;

/** Counts the rows that ranges give. */
class Counting extends MemoryKeyValue {
  rows = 0;

  override range(from: Uint8Array, to: Uint8Array, options?: RangeOptions): readonly Row[] {
    const rows = super.range(from, to, options);
    this.rows += rows.length;
    return rows;
  }
}

function filled(): Counting {
  const driver = new Counting();
  open(driver).commit(
    Array.from({ length: TENANTS }, (_, at) => step(nameOf(at), 1)),
    [],
  );
  driver.rows = 0;
  return driver;
}

const openLazily = (driver: KeyValue): Store => Store.open({ driver, shards: SHARDS, ring: PLAIN_RING, lazy: true });

test('a tenant is served before the others are read', () => {
  const driver = filled();
  const store = openLazily(driver);
  expect(bodies(store, nameOf(700))).toEqual([`1:${nameOf(700)} 1`]);
  store.commit([step(nameOf(700), 2)], []);
  expect(driver.rows).toBeLessThan(10);
  expect(store.tenants().length).toBe(TENANTS);
  expect(store.tenants().find(({ tenant }) => tenant === nameOf(700))?.seq).toBe(2);
});

test('what is committed while the others are read stays as it is', () => {
  const driver = filled();
  const store = openLazily(driver);
  const seqs = new Map<string, number>();
  for (let round = 0; !store.readMore(); round++) {
    const tenant = nameOf(TENANTS - 1 - round);
    store.commit([step(tenant, 2)], []);
    seqs.set(tenant, 2);
  }
  expect(seqs.size).toBeGreaterThan(4);
  store.commit([step('new', 1)], []);
  for (const { tenant, seq } of store.tenants()) expect(`${tenant} ${seq}`).toBe(`${tenant} ${seqs.get(tenant) ?? 1}`);
  expect(store.tenants()).toEqual(open(driver).tenants());
  expect(store.damaged().size).toBe(0);
});

test.each([
  ['its name row is lost', (driver: KeyValue) => driver.commit([[nameKey(nameOf(9)), null]])],
  ['its tenant row is lost', (driver: KeyValue) => driver.commit([[tenantKey(9), null]])],
  [
    'its tenant row is that of another',
    (driver: KeyValue) => driver.commit([[tenantKey(9), driver.get(tenantKey(8)) as Uint8Array]]),
  ],
  [
    'the record of its last step is lost',
    (driver: KeyValue) =>
      driver.commit(driver.range(Uint8Array.of(KIND.batch), Uint8Array.of(KIND.batch + 1)).map(([key]) => [key, null])),
  ],
])('a tenant is refused from its first use when %s', (_what, damage) => {
  const driver = filled();
  damage(driver);
  const answers: StoreAnswer[] = [];
  const host = new StoreHost(openLazily(driver), { toClient: () => undefined, onEvent: () => undefined });
  host.attach(0, (bytes) => void answers.push(decodeStoreAnswer(bytes)));
  host.receive(0, encodeStoreRequest({ kind: 'open', epoch: 0, tenant: nameOf(9) }));
  const [domain] = answers;
  if (domain?.kind !== 'domain' || domain.error === undefined) throw new Error('expected a refusal');
  expect(decodeError(domain.error)).toMatchObject({ code: 'STORE_CORRUPT', details: { tenant: nameOf(9) } });
  expect(() => openLazily(driver).commit([step(nameOf(9), 2)], [])).toThrow(
    expect.objectContaining({ code: 'STORE_CORRUPT' }),
  );
});

test('lanes hear which tenants there are once all are read, and are served before', () => {
  const driver = filled();
  const host = new StoreHost(openLazily(driver), { toClient: () => undefined, onEvent: () => undefined });
  const answers: StoreAnswer[] = [];
  host.attach(0, (bytes) => void answers.push(decodeStoreAnswer(bytes)));
  host.receive(0, encodeStoreRequest({ kind: 'list', epoch: 0, shards: [0, 1, 2, 3] }));
  host.receive(0, encodeStoreRequest({ kind: 'open', epoch: 0, tenant: nameOf(5) }));
  while (host.readMore());
  expect(answers.map(({ kind }) => kind)).toEqual(['domain', 'records', 'list', 'list']); // in two parts
  const listed = answers.flatMap((answer) => (answer.kind === 'list' ? answer.tenants : []));
  expect(listed).toEqual(
    open(driver)
      .tenants()
      .filter(({ shard }) => shard < 4)
      .map(({ tenant, shard }) => ({ tenant, shard })),
  );
});

test('an error while reading on is the whole store’s, and reading back tells the rest', () => {
  const driver = filled();
  const host = new StoreHost(openLazily(driver), { toClient: () => undefined, onEvent: () => undefined });
  const kinds: string[] = [];
  host.attach(0, (bytes) => void kinds.push(decodeStoreAnswer(bytes).kind));
  host.receive(0, encodeStoreRequest({ kind: 'list', epoch: 0, shards: [0] }));
  const range = driver.range.bind(driver);
  driver.range = () => {
    throw new Error('input/output error');
  };
  while (host.readMore());
  expect([host.isDown, host.recover()]).toEqual([true, false]);
  driver.range = range;
  expect(host.recover()).toBe(true);
  host.receive(0, encodeStoreRequest({ kind: 'list', epoch: 1, shards: [0] }));
  expect(kinds).toEqual(['failed', 'available', 'list']);
});

test('an erasure that was interrupted is finished when all are read, and holds before', () => {
  const driver = new MemoryKeyValue();
  const slots = new MemoryKeySlots();
  const opened = (lazy: boolean): Store => Store.open({ driver, shards: SHARDS, ring: new KeyRing(slots), lazy });
  const before = opened(false);
  before.commit([step('gone', 1), step('stays', 1)], []);
  const events = { topic: 't', offset: 0, timeMs: 1, value: Uint8Array.of(1) };
  before.commit([step('gone', 2, 'x', [events])], []);
  before.erasing('gone').next(); // the first slice: its row says so, and its key is gone
  const rows = (): number => driver.range(Uint8Array.of(KIND.events), Uint8Array.of(KIND.events + 1)).length;
  const store = opened(true);
  expect(rows()).toBe(1);
  expect(() => store.loadDomain('gone')).toThrow(expect.objectContaining({ code: 'INVALID_ADDRESS' }));
  expect(bodies(store, 'stays')).toEqual(['1:stays 1']);
  while (!store.readMore());
  expect(rows()).toBe(0);
  expect(store.isErased('gone')).toBe(true);
});
