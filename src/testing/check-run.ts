/**
 * All checks of the simulator over one run, once it is over. Those that look at the moment itself, when an
 * answer leaves or a commit returns, are in the run.
 */
import type { ActorType } from '../actor/actor-type.ts';
import { resolveActor } from '../actor/definition.ts';
import { AnswerCheck } from './check-answers.ts';
import { checkKernel } from './check-kernel.ts';
import { QueryCheck } from './check-queries.ts';
import { WorldCheck } from './check-world.ts';
import { appendListModel, counterModel, type HistoryModel, registerModel } from './history-models.ts';
import { checkLinearizable } from './linearizability.ts';
import { list, register, tally } from './sim-actors.ts';
import type { KernelModel } from './model-input.ts';
import { isOnceForAll } from './sim-host-setup.ts';
import type { FinalActor, SimulatedEvent } from './sim-operation.ts';
import type { SimulationRun } from './sim-run.ts';

/** Models of the workload's own objects. */
const OBJECT_MODELS: readonly (readonly [type: ActorType, model: HistoryModel<unknown>])[] = [
  [register, registerModel],
  [tally, counterModel as HistoryModel<unknown>],
  [list, appendListModel as HistoryModel<unknown>],
];

/** Reports to the run what its checks find. */
export function checkRun(run: SimulationRun): void {
  if (run.violations.length > 0) return; // what follows from a lost step is no finding of its own
  const answers = new AnswerCheck(run);
  const queries = new QueryCheck(run);
  const world = new WorldCheck(run);
  const isWhole = checkKernel(run, (tenant, seq, model, lines) => {
    answers.note(tenant, seq, lines, model);
    queries.look(tenant, seq, model);
    world.note(tenant, model, lines);
    if (seq !== run.journal.seq(tenant)) return;
    run.actors.push(...actorsOf(tenant, model));
    // Where a bit rotted a tenant may stand still unnoticed.
    if (!run.mayRot) world.rest(tenant, model);
  });
  if (isWhole) {
    answers.judge();
    queries.judge();
    world.judge();
  }
  if (isOnceForAll(run.setup.limits)) checkObjects(run);
}

function actorsOf(tenant: string, model: KernelModel): FinalActor[] {
  return [...model.actors.values()]
    .filter(({ exists }) => exists)
    .map(({ type, key, state, tables }) => ({
      tenant,
      type,
      key,
      state: { ...state },
      tables: Object.fromEntries([...tables].map(([name, rows]) => [name, Object.fromEntries(rows)])),
    }));
}

/** The workload's own objects are linearizable. */
function checkObjects(run: SimulationRun): void {
  for (const [type, model] of OBJECT_MODELS) {
    if (run.setup.registry.newest(type.name) !== resolveActor(type)) continue;
    const verdict = checkLinearizable(model, historyOf(run, type.name));
    if (verdict.outcome === 'violation') run.report('linearizable', verdict.message);
  }
}

/** The history of a type's actors. Calls with one idempotency key are one operation: from the first asking to the first answer. */
function historyOf(run: SimulationRun, type: string): SimulatedEvent[] {
  const asked = new Set<string>();
  const answered = new Set<string>();
  const events: SimulatedEvent[] = [];
  for (const event of run.users.history) {
    const operation = run.setup.operations[event.operation];
    if (operation?.type !== type) continue;
    const { tenant, idempotencyKey = `at ${event.operation}` } = operation;
    const process = `${tenant} ${idempotencyKey}`;
    const seen = event.type === 'invoke' ? asked : answered;
    if (seen.has(process)) continue;
    seen.add(process);
    events.push({ ...event, process });
  }
  return events;
}
