/**
 * What `npm start` runs: writes the sample once, then has the command line run it.
 *
 * Run a second time it applies nothing twice, since every command of the sample has an id. It ends
 * with the exit status of `synapse run`.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sampleCommands, writeCommands } from './sample.ts';

/** The package's own folder, from dist/examples/. The sample and the data lie in it. */
const root = fileURLToPath(new URL('../..', import.meta.url));
process.chdir(root);

const SAMPLE = 'sample/commands.jsonl';

if (!existsSync(SAMPLE)) console.error(`wrote ${await writeCommands(SAMPLE, sampleCommands())} commands to ${SAMPLE}`);

const RUN = `dist/src/cli/main.js run dist/actors/account.js --input ${SAMPLE} --data synapse-data --output sample/results.jsonl`;
const child = spawn(process.execPath, RUN.split(' '), { stdio: 'inherit' });

// Ctrl-C reaches both: the child closes its system in order, and this process waits for it.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('error', (error) => {
  console.error(`could not run synapse: ${error.message}`);
  process.exitCode = 2;
});
// A child that was killed by a signal has no status; 2 says "could not run".
child.on('exit', (status) => {
  process.exitCode = status ?? 2;
});
