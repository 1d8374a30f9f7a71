/**
 * `npm run bench -- NAME [options]`: runs one bench in a process of its own and hands its options on; `all` runs every
 * one, `report` writes docs/benchmarks.md from what was kept with `--save`. Each bench asks one question, which its head
 * comment states with an estimate.
 *
 *   --quick   one small round, whose figures mean nothing       --json   one object a line
 *   --rounds N, --only ARM,ARM                                  --save   keep the lines in docs/benchmarks/
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { BENCHES } from './rig/catalogue.ts';

const [name = '', ...rest] = process.argv.slice(2);

function run(file: string): number {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return spawnSync(process.execPath, [path, ...rest], { stdio: 'inherit' }).status ?? 1;
}

if (name === 'all') {
  for (const one of Object.keys(BENCHES))
    process.exitCode = Math.max(Number(process.exitCode ?? 0), run(`./${one}.js`));
} else if (name === 'report') {
  process.exitCode = run('./report/main.js');
} else if (BENCHES[name] === undefined) {
  const lines = Object.entries(BENCHES).map(([one, question]) => `  ${one.padEnd(10)}${question}`);
  process.stderr.write(`there is no bench '${name}'; there are:\n${lines.join('\n')}\n  all, report\n`);
  process.exitCode = 2;
} else {
  process.exitCode = run(`./${name}.js`);
}
