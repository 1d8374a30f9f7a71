/**
 * `synapse verify-receipt`: checks a receipt against a host's key and says in plain words what it proves
 * and what it does not. Needs the file and the key, no store and no network.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type ProvedReceipt, verifyReceipt } from '../audit/receipt.ts';
import { parseVerifierKey } from '../audit/verifier-key.ts';
import { CannotRun, EXIT_STATUS, failureText, type ExitStatus } from './exit.ts';
import type { Context, Terminal } from './terminal.ts';

const HELP_AFTER = `
PUB is the host's key: the text of a C2SP verifier key (name+hash+base64), 32 bytes in hex or base64, or the path
of a file that holds one of these or a public key in PEM. Take it from somebody you trust, not from whoever
gave you the receipt: under a key of his own anybody can sign a log of his own.

Exit status: 0 proved, 1 not proved, 2 the file or the key could not be read.

Example:
  $ synapse verify-receipt acme-17.receipt --key synapse-0123456789abcdef+89abcdef+AZ…=
`;

/** Adds `verify-receipt` to the program. */
export function attachVerifyReceipt(program: Command, context: Context): void {
  program
    .command('verify-receipt')
    .summary('check a receipt')
    .description('Checks a receipt that `synapse prove` wrote, and says what it proves and what it does not.')
    .argument('<file>', 'the receipt; - is standard input')
    .requiredOption('-k, --key <pub>', "the host's public key, or a file that holds it")
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', HELP_AFTER)
    .action(async (file: string, options: { readonly key: string; readonly json?: boolean }) => {
      context.finish(await check(file, options.key, options.json === true, context.terminal));
    });
}

async function check(file: string, pub: string, isJson: boolean, terminal: Terminal): Promise<ExitStatus> {
  const key = await keyOf(pub, terminal);
  const receipt = file === '-' ? await bytesOf(terminal.stdin) : await fileBytes(file, terminal);
  const verdict = verifyReceipt(receipt, key);
  if (isJson) terminal.stdout.write(`${JSON.stringify(verdict.ok ? jsonOf(verdict) : verdict)}\n`);
  else terminal.stdout.write(verdict.ok ? textOf(verdict) : `NOT PROVED: ${verdict.reason}\n`);
  return verdict.ok ? EXIT_STATUS.done : EXIT_STATUS.foundWrong;
}

async function keyOf(pub: string, terminal: Terminal): Promise<string> {
  if (parseVerifierKey(pub) !== undefined) return pub;
  const text = (await fileBytes(pub, terminal)).toString('utf8').trim();
  if (parseVerifierKey(text) === undefined) throw new CannotRun(`${pub} holds no public key`);
  return text;
}

async function fileBytes(path: string, terminal: Terminal): Promise<Buffer> {
  try {
    return await readFile(resolve(terminal.workDir, path));
  } catch (error) {
    throw new CannotRun(failureText(error));
  }
}

async function bytesOf(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Without the record's bytes: they stand in the receipt. */
function jsonOf({ record: _record, timeMs, ...rest }: ProvedReceipt): object {
  return { ...rest, time: timeMs };
}

function textOf({ host, words, says, saysNot }: ProvedReceipt): string {
  return [
    `PROVED under the key of ${host}:`,
    ...words.map((line) => `  ${line}`),
    '',
    'What is proved:',
    ...says.map((line) => `  - ${line}`),
    '',
    'What is not:',
    ...saysNot.map((line) => `  - ${line}`),
    '',
  ].join('\n');
}
