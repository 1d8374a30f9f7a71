/**
 * `synapse prove`: writes the receipt of one entry, from a data directory that no system has open. The
 * receipt is one text that shows an outsider what was recorded; `synapse verify-receipt` checks it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { CannotRun, EXIT_STATUS, failureText } from './exit.ts';
import type { Context } from './terminal.ts';

const HELP_AFTER = `
A receipt holds the recorded input and outcome of step SEQ of TENANT, the proof that they are entry SEQ of the
tenant's log, and the signed checkpoints of that log and of the host's. Whoever has it can read all that: send it
to those who may.

The outcome is shown by replaying the tenant up to SEQ with the modules that its actors came from last (--actors
names others). Where that cannot be done, standard error says why, and the receipt holds the outcome's digest.
The directory must not be in use by a running system (STORE_LOCKED, exit status 2).

Examples:
  $ synapse prove acme 17 --data ./ledger --out acme-17.receipt
  $ synapse verify-receipt acme-17.receipt --key "$(synapse inspect --data ./ledger --json | jq -r .auditKey)"
`;

interface ProveOptions {
  readonly data: string;
  readonly out?: string;
  readonly auditKey?: string;
  readonly actors?: readonly string[];
  readonly outcome: boolean;
  readonly json?: boolean;
}

/** Adds `prove` to the program. */
export function attachProve(program: Command, context: Context): void {
  program
    .command('prove')
    .summary('write a receipt of one recorded step')
    .description('Writes a receipt: what a tenant was asked and what came of it, with the proof that it is in the log.')
    .argument('<tenant>', 'the tenant')
    .argument('<seq>', 'number of the step, from 1', stepNumber)
    .requiredOption('-d, --data <dir>', 'the data directory')
    .option('-o, --out <file>', 'where the receipt goes (default: standard output)')
    .option('--audit-key <file>', 'the private key of a system that was given one, in PEM')
    .option('--actors <modules...>', 'modules to replay with, instead of those that the store remembers')
    .option('--no-outcome', "show the outcome's digest alone, and replay nothing")
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', HELP_AFTER)
    .action((tenant: string, seq: number, options: ProveOptions) => prove(tenant, seq, options, context));
}

function stepNumber(text: string): number {
  if (/^[1-9][0-9]{0,15}$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new CannotRun(`SEQ must be the number of a step, from 1, got '${text}'`);
}

async function prove(tenant: string, seq: number, options: ProveOptions, context: Context): Promise<void> {
  const { host, terminal, finish } = context;
  const place = (path: string): string => resolve(terminal.workDir, path);
  const { text, verifierKey, withheld } = await host.writeReceipt({
    dataDir: place(options.data),
    tenant,
    seq,
    discloses: options.outcome,
    ...(options.auditKey === undefined ? {} : { auditKey: await keyText(place(options.auditKey)) }),
    ...(options.actors === undefined ? {} : { actors: options.actors.map((path) => pathToFileURL(place(path)).href) }),
  });
  const out = options.out === undefined ? undefined : place(options.out);
  if (out !== undefined) await writeFile(out, text).catch(refuse);
  if (options.json === true) {
    const where = out === undefined ? { receipt: text } : { out };
    const said = { tenant, seq, key: verifierKey, outcomeShown: withheld === undefined, ...where };
    terminal.stdout.write(`${JSON.stringify(withheld === undefined ? said : { ...said, withheld })}\n`);
  } else if (out === undefined) terminal.stdout.write(text);
  else terminal.stdout.write(`wrote ${out}\nits key is ${verifierKey}\n`);
  if (withheld !== undefined && options.outcome) {
    terminal.stderr.write(`the receipt holds the digest of the outcome, not the outcome: ${withheld}\n`);
  }
  finish(EXIT_STATUS.done);
}

async function keyText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(refuse);
}

function refuse(error: unknown): never {
  throw new CannotRun(failureText(error));
}
