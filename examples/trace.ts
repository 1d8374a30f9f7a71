/**
 * Turns an Azure LLM inference trace (Azure/AzurePublicDataset, CC-BY 4.0; Patel et al., "Splitwise:
 * Efficient generative LLM inference using phase splitting", ISCA 2024) into commands for the meter.
 *
 *   TIMESTAMP,ContextTokens,GeneratedTokens
 *   2023-11-16 18:15:46.6805900,374,44
 *
 * A service is split over 100 tenants by row number: row 7 of `conv` is metered by `conv-07`, under the
 * service's name as the model. Before its first row a tenant gets a budget that no trace reaches and no
 * refill, so that time leaves no trace in the state. Ids follow from the row, so a run may be repeated.
 *
 *   node dist/examples/trace.js conv trace_conv.csv code trace_code.csv > commands.jsonl
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Command } from './sample.ts';

/** Tenants of one service. */
export const TENANTS_PER_SERVICE = 100;

/** Tokens: 250,000 times the longest request of the traces, so that no tenant runs out. */
const BUDGET = 1_000_000_000_000;

const HEADER = 'TIMESTAMP,ContextTokens,GeneratedTokens';

/** The tenant that meters a row; the first row under the header is row 0. */
export function tenantOf(service: string, row: number): string {
  return `${service}-${String(row % TENANTS_PER_SERVICE).padStart(2, '0')}`;
}

/**
 * The commands for one trace, in the order of its rows.
 *
 * @param service names the tenants and the model, as `conv`
 * @param file the CSV file
 * @throws Error naming the line that is no row of a trace
 */
export async function* traceCommands(service: string, file: string): AsyncGenerator<Command> {
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (line === 1) {
      if (text.replace(/^\uFEFF/, '') !== HEADER) throw new Error(`${file}:1: expected the header ${HEADER}`);
      continue;
    }
    if (text === '') continue;
    const row = line - 2;
    const [, context, generated] = /^[^,]+,(\d+),(\d+)$/.exec(text) ?? [];
    if (context === undefined || generated === undefined)
      throw new Error(`${file}:${line}: expected a time and two whole numbers`);
    const to = { tenant: tenantOf(service, row), actor: 'meter', key: service };
    if (row < TENANTS_PER_SERVICE) {
      yield { ...to, call: 'configure', args: [{ budget: BUDGET, refillMs: 0 }], id: `${service}-configure` };
    }
    yield { ...to, call: 'use', args: [Number(context), Number(generated)], id: `${service}-${row}` };
  }
}

async function main(words: readonly string[]): Promise<void> {
  if (words.length === 0 || words.length % 2 !== 0) throw new Error('usage: trace.js SERVICE FILE [SERVICE FILE …]');
  for (let i = 0; i < words.length; i += 2) {
    for await (const command of traceCommands(words[i] ?? '', words[i + 1] ?? '')) {
      const written = process.stdout.write(`${JSON.stringify(command)}\n`);
      if (!written) await new Promise((resolve) => process.stdout.once('drain', resolve));
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
