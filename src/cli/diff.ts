/**
 * `synapse diff`: two data directories that should be equal, and the first step in which they are not.
 * Status 0 when they are equal, 1 when they differ.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { diffStores, type DiffRecord, type StoreDifference } from '../replay/store-diff.ts';
import { openStoreView } from '../store/store-view.ts';
import { CannotRun, EXIT_STATUS, type ExitStatus } from './exit.ts';
import { tableText } from './figures.ts';
import type { Context } from './terminal.ts';

const HELP_AFTER = `
Compares tenant by tenant, by the roots of their audit logs: the first step that differs is found by bisecting
roots, and only its two records are read. Neither directory may be in use (STORE_LOCKED, exit status 2).

Exit status 0 when the stores are equal, 1 when they differ.

Example:
  $ synapse diff --data ./ledger --data /mnt/replica/ledger
`;

/** Adds `diff` to the program. */
export function attachDiff(program: Command, context: Context): void {
  program
    .command('diff')
    .summary('find the first difference of two data directories')
    .description('Finds the first tenant and step in which two data directories that should be equal differ.')
    .requiredOption('-d, --data <dir>', 'a data directory; given twice', (dir: string, dirs: string[] | undefined) => [
      ...(dirs ?? []),
      dir,
    ])
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', HELP_AFTER)
    .action((options: { readonly data: readonly string[]; readonly json?: boolean }) => {
      context.finish(diff(options.data, options.json === true, context));
    });
}

function diff(dirs: readonly string[], isJson: boolean, { terminal }: Context): ExitStatus {
  const [one, other] = dirs.map((dir) => resolve(terminal.workDir, dir));
  if (one === undefined || other === undefined || dirs.length > 2)
    throw new CannotRun('--data must be given twice, once for each directory');
  const difference = differenceOf(one, other);
  if (isJson) terminal.stdout.write(`${JSON.stringify({ equal: difference === undefined, ...difference })}\n`);
  else terminal.stdout.write(difference === undefined ? 'equal\n' : textOf([one, other], difference));
  return difference === undefined ? EXIT_STATUS.done : EXIT_STATUS.foundWrong;
}

function differenceOf(one: string, other: string): StoreDifference | undefined {
  const a = openStoreView(one);
  try {
    const b = openStoreView(other);
    try {
      return diffStores(a, b);
    } finally {
      b.close();
    }
  } finally {
    a.close();
  }
}

const FIELDS: readonly (keyof DiffRecord)[] = [
  'input',
  'frame',
  'time',
  'configId',
  'seed',
  'decisions',
  'acks',
  'digest',
];

function textOf(dirs: readonly [string, string], { tenant, seq, what, sides, fields }: StoreDifference): string {
  const head = tableText([
    ['tenant', tenant],
    ['first difference', seq === undefined ? what : `step ${seq}: ${what}`],
  ]);
  const rows = sides.flatMap(({ seq: last, record }, at) => [
    [dirs[at] ?? '', `${last} steps`],
    ...(record === undefined
      ? []
      : FIELDS.map((field) => [`  ${fields.includes(field) ? '*' : ' '} ${field}`, String(record[field])])),
  ]);
  return `${head}\n${tableText([...rows, []])}`;
}
