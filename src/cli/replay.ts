/**
 * `synapse replay`: a tenant run again from disk, up to any step, without writing; or one step of it
 * explained. Status 1 when the code no longer does what was recorded, or a record is damaged.
 */
import { resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { CompactRange } from '../merkle/log.ts';
import { assert } from '../base/assert.ts';
import { hexOf } from '../base/hash.ts';
import { explainStep } from '../replay/explain.ts';
import { modulesOf, tenantOf } from '../replay/replay-source.ts';
import { ReplayWorker } from '../replay/replay-worker.ts';
import { TenantReplay } from '../replay/tenant-replay.ts';
import { openStoreView, type StoreView } from '../store/store-view.ts';
import type { TenantState } from '../store/tenant-row.ts';
import { EXIT_STATUS } from './exit.ts';
import { explanationJson, explanationText } from './explanation.ts';
import { countText, tableText } from './figures.ts';
import { Progress } from './progress.ts';
import { actorUrl } from './run-input.ts';
import type { Context } from './terminal.ts';

const HELP_AFTER = `
Runs the recorded inputs of one tenant again, from its first step or, where the journal was trimmed, from
its last snapshot, and compares every outcome with what was recorded. Writes nothing. The store remembers
where its actors came from; --actors names other modules.

Exit status 1 at the first step that differs (DIVERGED): its number, both digests, its input and what the
code does now are on standard error. The directory must not be in use (STORE_LOCKED, exit status 2).

Examples:
  $ synapse replay acme --data ./ledger                     to the end: last step and roots
  $ synapse replay acme --data ./ledger --until 1200        as it was after step 1200
  $ synapse replay acme --data ./ledger --explain 1200      what came in, what it changed, what it sent
  $ synapse replay acme --data ./ledger --actors ./next/account.js      would new code do the same?
`;

/** Options as commander hands them over. */
interface ReplayCommandOptions {
  readonly data: string;
  readonly until?: number;
  readonly explain?: number;
  readonly actors?: readonly string[];
  readonly previous?: readonly string[];
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Adds `replay` to the program. */
export function attachReplay(program: Command, context: Context): void {
  program
    .command('replay')
    .summary('run a tenant again from disk, or explain one of its steps')
    .description('Replays what was recorded of a tenant, without writing, and says where it comes out otherwise.')
    .argument('<tenant>', 'the tenant')
    .requiredOption('-d, --data <dir>', 'the data directory')
    .option('-u, --until <seq>', 'the last step to be run (default: the last there is)', stepNumber)
    .option('-e, --explain <seq>', 'tell everything about one step', stepNumber)
    .option('-a, --actors <files...>', 'modules of actors, instead of those that the store remembers')
    .option('--previous <files...>', 'modules with earlier versions of actors')
    .option('-q, --quiet', 'no progress')
    .option('--json', 'one JSON object on standard output, no progress')
    .addHelpText('after', HELP_AFTER)
    .action(async (tenant: string, options: ReplayCommandOptions) => {
      await replayTenant(tenant, options, context);
      context.finish(EXIT_STATUS.done);
    });
}

function stepNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('Expected the number of a step, from 1.');
  return Number(text);
}

async function replayTenant(name: string, options: ReplayCommandOptions, { terminal }: Context): Promise<void> {
  const { actors, previous } = options;
  const urlsOf = (files: readonly string[]): URL[] => files.map((file) => actorUrl(file, terminal.workDir));
  const given = {
    ...(actors === undefined ? {} : { actors: urlsOf(actors) }),
    ...(previous === undefined ? {} : { previous: urlsOf(previous) }),
  };
  const view = openStoreView(resolve(terminal.workDir, options.data));
  let worker: ReplayWorker | undefined;
  try {
    const tenant = tenantOf(view, name);
    worker = await ReplayWorker.start(modulesOf(view, given));
    const last = Math.min(options.explain ?? options.until ?? tenant.seq, tenant.seq);
    const isSilent = options.quiet === true || options.json === true;
    const bar = isSilent ? undefined : new Progress(terminal.stderr, performance.now(), last, 'steps');
    const onStep = (seq: number): void => bar?.update(performance.now(), seq, seq);
    try {
      const text =
        options.explain === undefined
          ? await run(worker, view, tenant, last, options.json === true, onStep)
          : await explain(worker, view, tenant, options.explain, options.json === true, onStep);
      bar?.clear();
      terminal.stdout.write(text);
    } finally {
      bar?.clear();
    }
  } finally {
    await worker?.close();
    view.close();
  }
}

async function run(
  worker: ReplayWorker,
  view: StoreView,
  tenant: TenantState,
  until: number,
  isJson: boolean,
  onStep: (seq: number) => void,
): Promise<string> {
  const replay = await TenantReplay.open(worker, view, tenant);
  let seq = replay.startSeq;
  for await (const steps of replay.groups({ from: Number.POSITIVE_INFINITY, until, checksRoots: true })) {
    for (const step of steps) replay.absorb(step);
    replay.checkRoots(steps.at(-1));
    seq = steps.at(-1)?.seq ?? seq;
    onStep(seq);
  }
  const range = CompactRange.of(seq, replay.auditEdge);
  assert(range !== undefined, 'every step has been appended');
  const roots = { auditRoot: hexOf(range.root()), stateRoot: hexOf(replay.mirror.stateRoot()) };
  const { tenant: name } = tenant;
  const first = replay.startSeq + 1;
  if (isJson) return `${JSON.stringify({ tenant: name, seq, from: first, ...roots })}\n`;
  return tableText([
    ['tenant', name],
    [
      'replayed',
      first > seq ? 'nothing: its snapshot stands at the last step' : `steps ${countText(first)} to ${countText(seq)}`,
    ],
    ['audit root', roots.auditRoot],
    ['state root', roots.stateRoot],
  ]);
}

async function explain(
  worker: ReplayWorker,
  view: StoreView,
  tenant: TenantState,
  seq: number,
  isJson: boolean,
  onStep: (seq: number) => void,
): Promise<string> {
  const explanation = await explainStep(worker, view, tenant, seq, onStep);
  return isJson ? `${JSON.stringify(explanationJson(explanation))}\n` : explanationText(explanation);
}
