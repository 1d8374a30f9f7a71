/**
 * `npm run bench -- NAME [options]`: runs one bench in a process of its own and hands its options on. Each
 * bench asks one question, which its head comment states with an estimate.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Every bench, and what it asks. */
const BENCHES: Readonly<Record<string, string>> = {
  micro: 'where do a command’s nanoseconds go?',
  drain: 'what does draining the microtasks of a turn cost?',
  replay: 'is a replay at least as fast as the live run that it repeats?',
  audit: 'what do a leaf and a proof of the audit log cost at a million entries?',
};

const [name = 'micro', ...rest] = process.argv.slice(2);
if (BENCHES[name] === undefined) {
  const lines = Object.entries(BENCHES).map(([one, question]) => `  ${one.padEnd(10)}${question}`);
  process.stderr.write(`there is no bench '${name}'; there are:\n${lines.join('\n')}\n`);
  process.exitCode = 2;
} else {
  const file = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  process.exitCode = spawnSync(process.execPath, [file, ...rest], { stdio: 'inherit' }).status ?? 1;
}
