/**
 * `synapse inspect`: what a data directory holds, without running any actor. Takes the store's lock, so a
 * directory in use is `STORE_LOCKED`. Ends with status 1 when something does not read as it was written.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { StoreReport } from '../offline.ts';
import { hexOf } from '../base/hash.ts';
import { EXIT_STATUS, type ExitStatus } from './exit.ts';
import { countText, sizeText, tableText } from './figures.ts';
import type { Context } from './terminal.ts';

const HELP_AFTER = `
For each tenant: its shard, its last step (seq), the step of its last snapshot, how many steps lie
after that one and are replayed at the next start, and the root of its states at that snapshot.

Exit status 1 when a record or snapshot is corrupt: the tenant and the step are named on standard error.
The directory must not be in use by a running system (STORE_LOCKED, exit status 2).

Examples:
  $ synapse inspect --data ./ledger
  $ synapse inspect --data ./ledger --json | jq '.tenants[].tenant'
`;

/** Adds `inspect` to the program. */
export function attachInspect(program: Command, context: Context): void {
  program
    .command('inspect')
    .summary('show tenants, sizes and roots of a data directory')
    .description('Shows what a data directory holds: tenants, sizes, state roots. Reads only, and runs no actor.')
    .requiredOption('-d, --data <dir>', 'the data directory')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', HELP_AFTER)
    .action(async (options: { readonly data: string; readonly json?: boolean }) => {
      context.finish(await inspect(options.data, options.json === true, context));
    });
}

async function inspect(data: string, isJson: boolean, { host, terminal }: Context): Promise<ExitStatus> {
  const dataDir = resolve(terminal.workDir, data);
  const report = await host.inspectStore(dataDir);
  terminal.stdout.write(isJson ? `${JSON.stringify(jsonOf(dataDir, report))}\n` : textOf(dataDir, report));
  for (const fault of report.faults) terminal.stderr.write(`corrupt: ${fault.message}\n`);
  return report.faults.length > 0 ? EXIT_STATUS.foundWrong : EXIT_STATUS.done;
}

function jsonOf(dataDir: string, report: StoreReport): object {
  return {
    dataDir,
    ...report,
    tenants: report.tenants.map((tenant) => ({ ...tenant, stateRoot: hexOf(tenant.stateRoot) })),
  };
}

function textOf(dataDir: string, report: StoreReport): string {
  const head = tableText([
    ['data', `${dataDir} (${sizeText(report.sizeBytes)})`],
    ['shards', countText(report.shards)],
    [
      'incarnation',
      report.incarnation === undefined ? 'a copy; drawn when a system opens it' : String(report.incarnation),
    ],
    ['audit key', report.auditKey ?? 'none yet; made when the first checkpoint is asked for'],
    ['tenants', countText(report.tenants.length)],
    ...(report.isEncrypted ? [['encryption', `a key per tenant; ${countText(report.erased.length)} erased`]] : []),
  ]);
  const rows = report.tenants.map((tenant) => [
    tenant.tenant,
    countText(tenant.shard),
    countText(tenant.seq),
    countText(tenant.snapshotSeq),
    countText(tenant.tailSteps),
    hexOf(tenant.stateRoot),
  ]);
  if (rows.length === 0) return head;
  return `${head}\n${tableText([['tenant', 'shard', 'seq', 'snapshot', 'to replay', 'state root at the snapshot'], ...rows])}`;
}
