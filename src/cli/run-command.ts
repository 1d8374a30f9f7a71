/**
 * `synapse run` as commander knows it: arguments, options and the help that a newcomer reads.
 * The work is in `run.ts`.
 */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { runCommands, type RunOptions } from './run.ts';
import type { Context } from './terminal.ts';

/**
 * Default wait for one answer, five minutes: in a run a command waits behind thousands of its own kind,
 * and a `TIMEOUT` there would say nothing about the command itself.
 */
const CALL_TIMEOUT_MS = 300_000;

const HELP_AFTER = `
Input, one command a line:
  {"tenant":"acme","actor":"account","key":"alice","call":"deposit","args":[10],"id":"k-1"}
  "id" may be left out. It is the idempotency key: a command whose id was answered before, in this
  run or an earlier one, gets the same answer and takes no effect again. So a run that was stopped
  or killed is simply started again with the same input.

Output, one result a line, in input order per tenant:
  {"id":"k-1","ok":10}
  {"id":"k-2","error":{"code":"REFUSED","message":"insufficient funds"}}
  What JSON lacks is tagged, in results and arguments alike: {"$bigint":"1"}, {"$date":"2026-01-01T00:00:00.000Z"},
  {"$map":[["a",1]]}, {"$set":[1]}, {"$bytes":"AAE="}, {"$buffer":"AAE="}, {"$number":"NaN"}, {"$undefined":true}.

A line that is no command is reported on standard error with its number and skipped; the exit status is then 1.
An error result is an answer and leaves the exit status alone, except STORE_CORRUPT and DIVERGED (1), and
STORE_UNAVAILABLE (a full disk, say), which ends the run (2).

Examples:
  $ synapse run ./account.js --input commands.jsonl --data ./ledger > results.jsonl
  $ generate | synapse run ./account.js --input - --memory --quiet | jq .ok
`;

/** Adds `run` to the program. */
export function attachRun(program: Command, context: Context): void {
  program
    .command('run')
    .summary('run commands from a file or pipe against actors')
    .description(
      'Runs the commands of a file against the actors of one or more modules, and keeps their state in a directory.',
    )
    .argument('<actors...>', 'JavaScript module that exports actor types (several are allowed)')
    .requiredOption('-i, --input <file>', 'commands, one JSON object a line; - is standard input')
    .option('-o, --output <file>', 'where results go (default: standard output)')
    .option('-d, --data <dir>', 'directory that keeps all state; made if missing', './synapse-data')
    .addOption(new Option('--memory', 'keep state in memory only: nothing is left afterwards').conflicts('data'))
    .option('--lanes <number>', 'threads that run actors (default: processors - 1)', wholeNumber)
    .option('--shards <number>', 'shards of a new data directory, fixed for its life (default: 64)', wholeNumber)
    .option('--turn-timeout-ms <ms>', 'longest a handler may compute without waiting (default: 5000)', wholeNumber)
    .option('--call-timeout-ms <ms>', 'longest wait for one answer', wholeNumber, CALL_TIMEOUT_MS)
    .option(
      '--encryption',
      'the data directory keeps a key per tenant, so that tenants can be erased; fixed for its life',
    )
    .option('--grants <file>', 'JSON array of grants: which tenant may call which other')
    .option('-q, --quiet', 'no progress and no summary; bad lines and failures are still reported')
    .option('--json', 'no progress; the summary as one JSON object, the last line on standard error')
    .addHelpText('after', HELP_AFTER)
    .action(async (actors: string[], options: RunOptions) =>
      context.finish(await runCommands(actors, options, context)),
    );
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}
