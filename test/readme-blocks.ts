/**
 * The JavaScript of the README, by file name: the first block is `hello.js`, every other one names its
 * file in its first line. So what the tests run is what a reader sees.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The repository: this file runs as `dist/test/readme-blocks.js`. */
const README = fileURLToPath(new URL('../../README.md', import.meta.url));

const BLOCK = /^```js\n(.*?)^```$/gms;
const NAME = /^\/\/ (\S+\.js)\n/;

/** Text by file name, in the order of the README. */
export function readmeBlocks(): ReadonlyMap<string, string> {
  const blocks = new Map<string, string>();
  for (const [, text = ''] of readFileSync(README, 'utf8').matchAll(BLOCK)) {
    blocks.set(blocks.size === 0 ? 'hello.js' : (NAME.exec(text)?.[1] ?? `block-${blocks.size}.js`), text);
  }
  return blocks;
}
