/**
 * `synapse backup`: a consistent copy of a data directory that no system has open. The copy appears
 * whole or not at all.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { EXIT_STATUS } from './exit.ts';
import type { Context } from './terminal.ts';

const HELP_AFTER = `
The copy is complete and opens like the original, as a new incarnation. To restore, use it as --data.
The directory must not be in use (STORE_LOCKED, exit status 2): a running program copies its
own with system.backup(dir), while it works.

Example:
  $ synapse backup --data ./ledger --to /mnt/backups/ledger-2026-01-31
`;

/** Adds `backup` to the program. */
export function attachBackup(program: Command, context: Context): void {
  program
    .command('backup')
    .summary('copy a data directory')
    .description('Copies a data directory, consistently, into a new directory.')
    .requiredOption('-d, --data <dir>', 'the data directory')
    .requiredOption('-t, --to <dir>', 'where the copy goes; must be missing or empty')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', HELP_AFTER)
    .action(async (options: { readonly data: string; readonly to: string; readonly json?: boolean }) => {
      const { host, terminal, finish } = context;
      const dataDir = resolve(terminal.workDir, options.data);
      const to = resolve(terminal.workDir, options.to);
      await host.backupStore(dataDir, to);
      terminal.stdout.write(
        options.json === true ? `${JSON.stringify({ dataDir, to })}\n` : `copied ${dataDir} to ${to}\n`,
      );
      finish(EXIT_STATUS.done);
    });
}
