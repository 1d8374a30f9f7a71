/**
 * `synapse verify`: a data directory recomputed from what is on disk, outcomes by replay included. Status 1
 * when anything is not as it was written, or outcomes could not be replayed and nobody said not to.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { SynapseError } from '../base/error.ts';
import { modulesOf } from '../replay/replay-source.ts';
import { verifyStore, type VerifyProgress, type VerifyReport } from '../replay/verify.ts';
import { faultOf } from '../store/store-fault.ts';
import type { ActorModules } from '../store/store-head.ts';
import { openStoreView, type StoreView } from '../store/store-view.ts';
import { EXIT_STATUS, type ExitStatus } from './exit.ts';
import { countText, tableText } from './figures.ts';
import { Progress } from './progress.ts';
import { actorUrl } from './run-input.ts';
import type { Context } from './terminal.ts';

const HELP_AFTER = `
Reads everything: that each row is known, owned and unchanged, that records and index rows fit, leaf hashes,
tiles and roots of the audit logs, checkpoints, snapshots and their tries, events; then every tenant is
replayed and each outcome compared. The first fault is named with tenant, step, row and byte. Writes nothing.

Outcomes need the actors: the store remembers where they came from, --actors names other modules. Where they
cannot be loaded the exit status is 1, unless --no-replay says that outcomes are not asked for.

Examples:
  $ synapse verify --data ./ledger
  $ synapse verify --data ./ledger --actors ./account.js ./mail.js
  $ synapse verify --data ./ledger --no-replay --json | jq .faults
`;

/** Faults written out; --json has more. */
const FAULTS_SHOWN = 20;

interface VerifyOptions {
  readonly data: string;
  readonly actors?: readonly string[];
  readonly previous?: readonly string[];
  readonly replay: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Adds `verify` to the program. */
export function attachVerify(program: Command, context: Context): void {
  program
    .command('verify')
    .summary('recompute a data directory from disk: records, roots, outcomes')
    .description('Recomputes everything in a data directory from what is on disk, and names the first fault.')
    .requiredOption('-d, --data <dir>', 'the data directory')
    .option('-a, --actors <files...>', 'modules of actors, instead of those that the store remembers')
    .option('--previous <files...>', 'modules with earlier versions of actors')
    .option('--no-replay', 'do not replay outcomes')
    .option('-q, --quiet', 'no progress')
    .option('--json', 'one JSON object on standard output, no progress')
    .addHelpText('after', HELP_AFTER)
    .action(async (options: VerifyOptions) => context.finish(await verify(options, context)));
}

async function verify(options: VerifyOptions, { terminal }: Context): Promise<ExitStatus> {
  const dataDir = resolve(terminal.workDir, options.data);
  const isSilent = options.quiet === true || options.json === true;
  const bar = isSilent ? undefined : new VerifyBar(terminal.stderr);
  const view = openView(dataDir);
  const report =
    view instanceof SynapseError ? unreadable(view) : await verifyView(view, dataDir, options, terminal.workDir, bar);
  bar?.clear();
  const missing = options.replay ? report.skipped : [];
  const isSound = report.faults.length === 0 && missing.length === 0;
  if (options.json === true) {
    terminal.stdout.write(`${JSON.stringify({ dataDir, ...report, isSound })}\n`);
  } else {
    terminal.stdout.write(textOf(dataDir, report, isSound, options.replay));
    for (const { message } of report.faults.slice(0, FAULTS_SHOWN)) terminal.stderr.write(`fault: ${message}\n`);
    const more = report.faults.length - FAULTS_SHOWN;
    if (more > 0) terminal.stderr.write(`and ${countText(more)} more\n`);
    for (const { tenant, reason } of missing.slice(0, FAULTS_SHOWN))
      terminal.stderr.write(`OUTCOMES WERE NOT REPLAYED: tenant ${tenant}: ${reason}\n`);
  }
  return isSound ? EXIT_STATUS.done : EXIT_STATUS.foundWrong;
}

/** The store, or that not even its first rows can be read. */
function openView(dataDir: string): StoreView | SynapseError {
  try {
    return openStoreView(dataDir);
  } catch (error) {
    if (error instanceof SynapseError && error.code === 'STORE_CORRUPT') return error;
    throw error;
  }
}

function unreadable(error: SynapseError): VerifyReport {
  const none = { rows: 0, records: 0, tenants: 0, erased: [], replayed: 0, skipped: [], signatures: undefined };
  return { ...none, faults: [faultOf(error)] };
}

async function verifyView(
  view: StoreView,
  dataDir: string,
  options: VerifyOptions,
  workDir: string,
  bar: VerifyBar | undefined,
): Promise<VerifyReport> {
  try {
    const modules = options.replay ? modulesIn(view, options, workDir) : undefined;
    return await verifyStore({ view, dataDir, modules, onProgress: (progress) => bar?.update(progress) });
  } finally {
    view.close();
  }
}

/** The modules to replay with; nothing where neither the caller nor the store names any, which the report then says. */
function modulesIn(view: StoreView, { actors, previous }: VerifyOptions, workDir: string): ActorModules | undefined {
  const urlsOf = (files: readonly string[]): URL[] => files.map((file) => actorUrl(file, workDir));
  try {
    return modulesOf(view, {
      ...(actors === undefined ? {} : { actors: urlsOf(actors) }),
      ...(previous === undefined ? {} : { previous: urlsOf(previous) }),
    });
  } catch (error) {
    if (error instanceof SynapseError && error.code === 'INVALID_ARGUMENT' && actors === undefined) return undefined;
    throw error;
  }
}

function textOf(dataDir: string, report: VerifyReport, isSound: boolean, isReplayed: boolean): string {
  const { rows, records, tenants, erased, replayed, skipped, signatures, faults } = report;
  const [first] = faults;
  return tableText([
    ['data', dataDir],
    ['rows', countText(rows)],
    ['records', countText(records)],
    ['tenants', countText(tenants)],
    ...(erased.length === 0
      ? []
      : [['erased', `${countText(erased.length)}, verified by the hashes of their logs alone`]]),
    [
      'outcomes',
      isReplayed
        ? `${countText(replayed)} replayed${skipped.length > 0 ? `, ${countText(skipped.length)} tenants not` : ''}`
        : 'not replayed',
    ],
    ['signatures', signaturesText(signatures)],
    ...(first === undefined ? [] : [['first fault', placeOf(first)]]),
    [
      'verdict',
      isSound ? 'sound' : faults.length > 0 ? `${countText(faults.length)} faults` : 'outcomes were not replayed',
    ],
  ]);
}

function signaturesText(signatures: VerifyReport['signatures']): string {
  if (signatures === undefined) return 'not checked: there is no audit.key';
  const { checked, foreign } = signatures;
  const rest = foreign === 0 ? '' : `; ${countText(foreign)} of another key or from before a restore, roots alone`;
  return `${countText(checked)} checked${rest}`;
}

function placeOf({ tenant, seq, row, byte }: VerifyReport['faults'][number]): string {
  const parts = [
    tenant === undefined ? 'no tenant' : `tenant ${tenant}`,
    ...(seq === undefined ? [] : [`step ${seq}`]),
    ...(row === undefined ? [] : [`row ${row}`]),
    ...(byte === undefined ? [] : [`byte ${byte}`]),
  ];
  return parts.join(', ');
}

/** One bar over the two parts whose length is known, records and replay; rows only show that it lives. */
class VerifyBar {
  readonly #target: ConstructorParameters<typeof Progress>[0];
  #bar: Progress | undefined;
  #phase: string | undefined;

  constructor(target: ConstructorParameters<typeof Progress>[0]) {
    this.#target = target;
  }

  update({ phase, done, total }: VerifyProgress): void {
    if (phase !== this.#phase) {
      this.clear();
      this.#phase = phase;
      this.#bar = new Progress(this.#target, performance.now(), total, UNITS[phase]);
    }
    this.#bar?.update(performance.now(), done, done);
  }

  clear(): void {
    this.#bar?.clear();
  }
}

const UNITS: Readonly<Record<VerifyProgress['phase'], string>> = {
  rows: 'rows',
  journal: 'records',
  tenants: 'records',
  replay: 'steps replayed',
};
