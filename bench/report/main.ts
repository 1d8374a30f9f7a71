/**
 * `npm run bench -- report`: writes `docs/benchmarks.md` and its pictures from the lines in `docs/benchmarks/`.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BENCHES } from '../rig/catalogue.ts';
import { pageOf, parseRecording } from './page.ts';
import { plotOf } from './plot.ts';

/** This file runs as `dist/bench/report/main.js`. */
const DOCS = new URL('../../../docs/', import.meta.url);

const kept = Object.keys(BENCHES).filter((name) => existsSync(new URL(`benchmarks/${name}.jsonl`, DOCS)));
if (kept.length === 0) {
  process.stderr.write('there is nothing to report: run benches with --save first\n');
  process.exitCode = 1;
} else {
  const recordings = kept.map((name) =>
    parseRecording(readFileSync(new URL(`benchmarks/${name}.jsonl`, DOCS), 'utf8')),
  );
  for (const { head, lines } of recordings) {
    writeFileSync(new URL(`benchmarks/${head.bench}.svg`, DOCS), plotOf(`${head.bench}: ${head.question}`, lines));
  }
  const page = new URL('benchmarks.md', DOCS);
  writeFileSync(page, pageOf(recordings));
  process.stderr.write(`${fileURLToPath(page)}: ${kept.join(', ')}\n`);
}
