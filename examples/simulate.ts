/**
 * Accounts under the simulator: three users deposit and transfer while lanes die, power fails and shards move,
 * and whatever happens no cent is made or lost.
 *
 *   node dist/examples/simulate.js
 */
import { simulate, type Chance, type SimulatedOperation, type SimulationResult } from 'synapse-actors/testing';

const NAMES = ['alice', 'bob', 'carol'];

/** What users do: drawn anew for each seed. What has an idempotency key is asked again until it has an answer. */
function workload(random: Chance): SimulatedOperation[] {
  return Array.from({ length: 60 }, (_, at) => ({
    process: at % 3,
    tenant: 'acme',
    type: 'account',
    key: random.one(NAMES),
    ...(random.happens(0.5)
      ? { handler: 'deposit', args: [random.between(1, 100)] }
      : { handler: 'transfer', args: [random.one(NAMES), random.between(1, 50)] }),
    idempotencyKey: `key ${at}`,
  }));
}

/** What the accounts hold in the end is what was deposited: each deposit that was answered with a balance, once. */
function noCentIsLost({ history, actors }: SimulationResult): string[] {
  const asked = new Map(history.filter(({ type }) => type === 'invoke').map((event) => [event.operation, event]));
  const deposited = history
    .filter(({ type, op }) => type === 'ok' && op === 'deposit')
    .reduce((sum, { operation }) => sum + Number(asked.get(operation)?.value), 0);
  const held = actors.reduce((sum, { state }) => sum + Number(state['balance']), 0);
  return held === deposited ? [] : [`${deposited} were deposited, ${held} are held`];
}

const actors = new URL('../actors/account.js', import.meta.url);
for (let seed = 1; seed <= 20; seed++) {
  const { violations, report } = await simulate({ seed, actors, workload, checks: [noCentIsLost] });
  if (violations.length > 0) throw new Error(report);
}
console.log('20 seeds, not a cent lost');
