/**
 * The real {@link Host}: `createSystem` and the offline store, seen through the port of the command line.
 * Reads mailbox limits from the actors' definitions, so that a run never floods a mailbox itself.
 */
import { isActorType } from '../actor/actor-type.ts';
import { resolveActor } from '../actor/definition.ts';
import { RESERVED_NAMES } from '../actor/reference-types.ts';
import { SynapseError } from '../base/error.ts';
import { backupStore, inspectStore } from '../offline.ts';
import { writeReceipt } from '../replay/receipt-writer.ts';
import { createSystem, type System, type SystemOptions } from '../system.ts';
import type { CommandRecord } from './command-record.ts';
import type { Host, RunSystem, SystemSettings } from './host.ts';
import type { Mailbox } from './tenant-queue.ts';

/** For types that no module defines: their commands are answered `UNKNOWN_ACTOR`, no mailbox fills. */
const UNBOUNDED: Mailbox = { limit: Number.POSITIVE_INFINITY, limitBytes: Number.POSITIVE_INFINITY };

const RESERVED: ReadonlySet<string> = new Set(RESERVED_NAMES);

/** Synapse itself. */
export const SYNAPSE_HOST: Host = { openSystem, inspectStore, backupStore, writeReceipt };

async function openSystem(settings: SystemSettings): Promise<RunSystem> {
  // Grants come from a file and are checked by the system, as everything else it is given.
  const system = await createSystem(settings as SystemOptions);
  const mailboxes = await mailboxesOf(settings.actors);
  return {
    call: (record) => callOf(system, record),
    mailboxOf: (type) => mailboxes.get(type) ?? UNBOUNDED,
    tenants: () => system.tenants(),
    repeats: () => Promise.resolve(system.stats().repeats),
    close: () => system.close(),
  };
}

async function callOf(system: System, { tenant, actor, key, call, args, id }: CommandRecord): Promise<unknown> {
  // A reference answers these names itself, so no handler can have them and none may be asked for.
  if (RESERVED.has(call))
    throw new SynapseError('UNKNOWN_HANDLER', `no handler can be named '${call}'`, { type: actor, handler: call });
  const ref = system.ref(actor, tenant, key);
  const handler = (id === undefined ? ref : ref.with({ idempotencyKey: id }))[call];
  if (handler === undefined)
    throw new SynapseError('UNKNOWN_HANDLER', `no handler '${call}'`, { type: actor, handler: call });
  return handler(...args);
}

/** Limits by type. The system has loaded the same modules before, so nothing can go wrong here that has not there. */
async function mailboxesOf(actors: readonly URL[]): Promise<ReadonlyMap<string, Mailbox>> {
  const mailboxes = new Map<string, Mailbox>();
  for (const url of actors) {
    const module = (await import(url.href)) as Readonly<Record<string, unknown>>;
    for (const exported of Object.values(module)) {
      if (isActorType(exported)) mailboxes.set(exported.name, resolveActor(exported).mailbox);
    }
  }
  return mailboxes;
}
