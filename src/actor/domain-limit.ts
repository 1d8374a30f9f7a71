/**
 * What one tenant, or one actor, may have at a time. Over a limit the turn or the call that asked for more
 * gets `MAILBOX_FULL`; nothing is dropped in silence and no other tenant notices.
 */
import { SynapseError } from '../base/error.ts';
import type { DomainState } from './domain-state.ts';
import type { Turn } from './turn.ts';

/** Messages to other tenants that are not acknowledged: each is kept, and sent again after a recovery. */
const OUTBOX_MAX = 100_000;

/** Effects under way: each is kept, and asked for again after a recovery. */
const EFFECTS_MAX = 100_000;

/** Durable timers: some 300 MB of a lane's heap at the worst. */
const TIMERS_MAX = 1_000_000;

/** Topics that ever got an event: each keeps its offset for good. */
const TOPICS_MAX = 100_000;

/** Children of one actor: its own row names them, and holds so many of the longest names. */
const CHILDREN_MAX = 10_000;

function full(what: string, limit: number): SynapseError {
  return new SynapseError('MAILBOX_FULL', `the tenant has ${limit} ${what}, and may not have more`, { limit });
}

/** Whether another message may leave for another tenant. The answer is recorded: what is acknowledged goes by arrival. */
export function outboxFault(state: DomainState): SynapseError | undefined {
  const hasRoom = state.running.decide(() => state.outbox.size < OUTBOX_MAX);
  return hasRoom ? undefined : full('messages to other tenants under way', OUTBOX_MAX);
}

/** Whether another effect may start. */
export function effectFault(state: DomainState): SynapseError | undefined {
  return state.effects.size < EFFECTS_MAX ? undefined : full('effects under way', EFFECTS_MAX);
}

/** Throws when what a turn asks for at its end would be too much. */
export function checkOrders(state: DomainState, turn: Turn): void {
  let timers = state.timers.size;
  let topics = state.topics.size;
  let children = turn.cell?.meta.children.length ?? 0;
  for (const order of turn.orders) {
    if (order.kind === 'timer') timers += 1;
    else if (order.kind === 'spawn') children += 1;
    else if (order.kind === 'emit' && !state.topics.has(order.topic)) topics += 1;
  }
  if (children > CHILDREN_MAX) {
    const text = `the actor has ${CHILDREN_MAX} children, and may not have more`;
    throw new SynapseError('MAILBOX_FULL', text, { limit: CHILDREN_MAX });
  }
  if (timers > TIMERS_MAX) throw full('timers', TIMERS_MAX);
  if (topics > TOPICS_MAX) throw full('topics', TOPICS_MAX);
}
