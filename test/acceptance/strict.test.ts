/** `strict: true`: what two tenants of a lane share through a module is found. */
import { replay } from 'synapse-actors/replay';
import { testSystem } from 'synapse-actors/testing';
import { describe, expect, it } from 'vitest';
import { holder } from './fixtures/shared-bytes.ts';
import { sharing, writes } from './fixtures/shared-state.ts';
import { codeOf, fixture, folder, keep, open, same } from './harness.ts';

interface Found {
  readonly code: string;
  readonly message: string;
}

async function failure(promise: Promise<unknown>): Promise<Found> {
  try {
    return { code: 'none', message: JSON.stringify(await promise) };
  } catch (error) {
    return error as Found;
  }
}

/** Writes that end in the engine's own TypeError, since arrays and missing properties have no setter to report. */
const BY_THE_ENGINE: readonly string[] = [
  'push',
  'push to a static field',
  'add a property',
  'remove a property',
  'a property of the type',
];

describe('a strict system', () => {
  it('fails each turn that writes to what a module exports, naming actor, handler and path', async () => {
    const system = await open('shared-state', { strict: true });
    const ref = system.ref(sharing, 'acme', 'a');
    for (const name of writes) {
      const { code, message } = await failure(ref.write(name));
      expect(['AMBIENT_AUTHORITY', 'HANDLER_FAILED'], name).toContain(code);
      expect(message, name).toContain('sharing/a write');
      if (!BY_THE_ENGINE.includes(name)) same(code, 'AMBIENT_AUTHORITY');
    }
    expect((await failure(ref.write('assign'))).message).toMatch(/writes to n in counts of file:.*shared-state\.js/);
    expect((await failure(ref.write('set'))).message).toMatch(/writes to cache of file:.*shared-state\.js/);
    expect((await failure(ref.write('exported variable'))).message).toMatch(/writes to total of file:/);
    same(await ref.n(), 0);
    same(await system.ref(sharing, 'other', 'a').seen(), [0, 1, 0, 0]);
  });

  it('lets no write through that a handler catches, and fails it where it changed an exported variable', async () => {
    const system = await open('shared-state', { strict: true });
    const ref = system.ref(sharing, 'acme', 'a');
    same(await ref.writeCaught('assign'), 'AMBIENT_AUTHORITY');
    same(await codeOf(ref.writeCaught('exported variable')), 'AMBIENT_AUTHORITY');
    same(await codeOf(ref.bump()), 'AMBIENT_AUTHORITY');
    same(await system.ref(sharing, 'other', 'a').seen(), [0, 1, 0, 0]);
  });

  it('leaves alone what a turn makes for itself', async () => {
    const system = await open('shared-state', { strict: true });
    same(await system.ref(sharing, 'acme', 'a').own(), [2, 7, 0, { n: 1 }, { list: [1], tags: 1 }]);
  });

  it('knows nothing of a variable that is not exported: a limit that is documented', async () => {
    const system = await open('shared-state', { strict: true });
    same([await system.ref(sharing, 'acme', 'a').hide(), await system.ref(sharing, 'other', 'a').hide()], [1, 2]);
  });

  it('refuses modules that export bytes', async () => {
    const { code, message } = await failure(open('shared-bytes', { strict: true }));
    same(code, 'INVALID_ARGUMENT');
    expect(message).toContain('table.bytes');
    const system = await open('shared-bytes');
    same(await system.ref(holder, 'acme', 'a').first(), 1);
  });

  it('is known to a replay and a recovery: turns that failed for it fail there too', async () => {
    const dataDir = folder();
    const first = await open('shared-state', { dataDir, strict: true });
    for (const name of ['assign', 'push', 'exported variable']) {
      expect(['AMBIENT_AUTHORITY', 'HANDLER_FAILED']).toContain(
        await codeOf(first.ref(sharing, 'acme', 'a').write(name)),
      );
    }
    await first.close();
    const codes: unknown[] = [];
    for await (const step of replay({ dataDir, tenant: 'acme', actors: fixture('shared-state') })) codes.push(step.seq);
    expect(codes.length).toBeGreaterThanOrEqual(3);
    const second = await open('shared-state', { dataDir, strict: true });
    same(await second.ref(sharing, 'acme', 'a').n(), 0);
  });

  it('is off unless asked for: both tenants write to the same object', async () => {
    const system = await open('shared-state');
    await system.ref(sharing, 'acme', 'a').write('assign');
    await system.ref(sharing, 'other', 'a').write('assign');
    same(await system.ref(sharing, 'acme', 'a').seen(), [2, 1, 0, 0]);
  });

  it('is the same in a test system', async () => {
    const system = keep(await testSystem({ actors: fixture('shared-state'), strict: true }));
    const ref = system.ref(sharing, 'acme', 'a');
    for (const name of writes) {
      const { code, message } = await failure(ref.write(name));
      expect(['AMBIENT_AUTHORITY', 'HANDLER_FAILED'], name).toContain(code);
      expect(message, name).toContain('sharing/a write');
    }
    same(await ref.seen(), [0, 1, 0, 0]);
  });
});
