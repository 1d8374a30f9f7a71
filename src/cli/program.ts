/**
 * The command line as a whole: the table of commands, help, and how everything that goes wrong becomes one
 * line on standard error and an exit status. A new command is one function and one row of the table.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { SynapseError } from '../base/error.ts';
import { attachBackup } from './backup.ts';
import { attachDiff } from './diff.ts';
import { EXIT_STATUS, failureText, type ExitStatus } from './exit.ts';
import type { Host } from './host.ts';
import { attachInspect } from './inspect.ts';
import { attachProve } from './prove.ts';
import { attachReplay } from './replay.ts';
import { attachRun } from './run-command.ts';
import type { Context, Terminal } from './terminal.ts';
import { attachVerify } from './verify.ts';
import { attachVerifyReceipt } from './verify-receipt.ts';

/** Every command, in the order of the help. */
const COMMANDS: readonly ((program: Command, context: Context) => void)[] = [
  attachRun,
  attachInspect,
  attachBackup,
  attachVerify,
  attachReplay,
  attachDiff,
  attachProve,
  attachVerifyReceipt,
];

const HELP_AFTER = `
Synapse runs actors: small units of state and behaviour, each in a tenant of its own. Every command is
recorded on disk before it is answered, and applied once, also when the process is killed in between.

First steps:
  $ synapse run ./account.js --input commands.jsonl     run a file of commands; results on standard output
  $ synapse inspect --data ./synapse-data               see what that left
  $ synapse run --help                                  what a line of commands.jsonl looks like

Exit statuses:
  0    done
  1    done, and something was found wrong: bad lines in the input, a corrupt record, an outcome that differs
  2    could not run, or not to the end: wrong options, unreadable input, a data directory in use, a full disk
  130, 143    stopped by SIGINT, SIGTERM: what was under way is finished, the rest was not begun
  141  the reader of standard output went away
`;

/** Runs one command line; resolves to the status of the process and never rejects. */
export async function execute(args: readonly string[], terminal: Terminal, host: Host): Promise<ExitStatus> {
  let status: ExitStatus = EXIT_STATUS.done;
  const program = programOf({ terminal, host, finish: (at) => (status = at) });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return status;
  } catch (error) {
    // Help and version end here too, with 0; everything else that commander throws is a wrong option.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_STATUS.done : EXIT_STATUS.couldNotRun;
    terminal.stderr.write(`synapse: ${failureText(error)}\n`);
    const isWrong = error instanceof SynapseError && (error.code === 'STORE_CORRUPT' || error.code === 'DIVERGED');
    return isWrong ? EXIT_STATUS.foundWrong : EXIT_STATUS.couldNotRun;
  }
}

function programOf(context: Context): Command {
  const { stdout, stderr } = context.terminal;
  const program = new Command('synapse')
    .description('Durable, supervised actors: run commands against them, look at what they keep, copy it.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .showHelpAfterError('(--help says more)')
    .exitOverride()
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .addHelpText('after', HELP_AFTER);
  for (const attach of COMMANDS) attach(program, context);
  return program;
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'); // from dist/src/cli
  return (JSON.parse(text) as { readonly version: string }).version;
}
