/**
 * Runs a script in headless Chromium, without a test framework: a page from a loopback server of its own,
 * its DOM printed at the end. Server, browser and profile are gone when the call returns.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Debian's name of the browser; nothing when it is not in the PATH. */
export function findChromium(): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((dir) => join(dir, 'chromium'))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** A first start with an empty profile on a busy machine takes seconds; a hang should still end, by its process id. */
const BROWSER_TIMEOUT_MS = 50_000;

/** What the page's script has to leave behind for its page to be done: text in the element `out`. */
const PAGE = `<!doctype html><html><head><meta charset="utf-8"><title>audit</title></head>
<body><pre id="out">nothing ran</pre><script src="/script.js"></script></body></html>`;

/** The text that `script` wrote into the element `out` of its page. */
export async function runInChromium(chromium: string, script: string): Promise<string> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const isScript = request.url === '/script.js';
    response.setHeader('content-type', isScript ? 'text/javascript; charset=utf-8' : 'text/html; charset=utf-8');
    response.end(isScript ? script : PAGE);
  });
  const profile = mkdtempSync(join(tmpdir(), 'synapse-chromium-'));
  let browser: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    browser = spawn(chromium, [...FLAGS, `--user-data-dir=${profile}`, `http://127.0.0.1:${port}/`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [dom, complaints] = [textOf(browser.stdout), textOf(browser.stderr)];
    timer = setTimeout(() => browser?.kill('SIGKILL'), BROWSER_TIMEOUT_MS);
    const [status, signal] = (await once(browser, 'close')) as [number | null, string | null];
    const found = /<pre id="out">([\s\S]*?)<\/pre>/.exec(await dom)?.[1];
    if (status !== 0 || found === undefined) {
      throw new Error(`chromium ended with ${signal ?? status}, asked for ${asked.join(' ')}: ${await complaints}`);
    }
    return found.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
  } finally {
    clearTimeout(timer);
    if (browser?.exitCode === null) browser.kill('SIGKILL');
    server.closeAllConnections();
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 }); // its last process may still be writing
  }
}

/** Nothing but this page: no updates, no first-run pages, no network beyond it. Tests run as root, where there is no sandbox. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--virtual-time-budget=20000',
  '--dump-dom',
];

async function textOf(stream: AsyncIterable<unknown> | null): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}
