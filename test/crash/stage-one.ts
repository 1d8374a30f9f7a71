/**
 * Version 1 of `stage`: turns that can be stopped in the middle. Each leaves a line in a file when it
 * gets there, and stays there while another file exists, so that a test can kill the process just then.
 */
import { appendFileSync, existsSync } from 'node:fs';
import { actor, effect } from 'synapse-actors';

/** Leaves a line in FILE.NAME, and spins while FILE.NAME.hold exists. */
function reach(file: string, name: string, line: string): void {
  appendFileSync(`${file}.${name}`, `${line}\n`);
  while (existsSync(`${file}.${name}.hold`));
}

async function work(file: string, { idempotencyKey }: { idempotencyKey: string }): Promise<string> {
  appendFileSync(`${file}.effect`, `${idempotencyKey}\n`);
  while (existsSync(`${file}.effect.hold`)) await new Promise((resolve) => setTimeout(resolve, 5));
  return 'worked';
}

export const stage = actor('stage', {
  version: 1,
  state: () => ({ count: 0, log: [] as readonly string[], file: '' }),
  effects: {
    work: effect(work, { retries: 1, backoffMs: [1, 1], timeoutMs: 600_000 }),
    once: effect(work, { retries: 1, backoffMs: [1, 1], timeoutMs: 600_000, afterCrash: 'fail' }),
  },
  commands: {
    bump(ctx): number {
      ctx.state.count += 1;
      return ctx.state.count;
    },
    /** Two awaits: the first has its result when the second is cut off. Ambient values before and between. */
    async play(ctx, file: string): Promise<string> {
      const before = `${Date.now()} ${Math.random()} ${crypto.randomUUID()} ${ctx.now()} ${ctx.random()} ${ctx.uuid()} ${ctx.seq}`;
      const bumped = await ctx.ref(stage, 'other').bump();
      appendFileSync(`${file}.turn`, `${before} ${bumped} ${Date.now()} ${Math.random()} ${performance.now()}\n`);
      const result = await ctx.effect('work', file);
      ctx.state.log = [...ctx.state.log, result];
      ctx.state.count += 1;
      return result;
    },
    async playOnce(ctx, file: string): Promise<string> {
      let outcome: string;
      try {
        outcome = await ctx.effect('once', file);
      } catch (error) {
        const { code, details } = error as { code: string; details: { outcome: string } };
        outcome = `${code} ${details.outcome}`;
      }
      ctx.state.log = [...ctx.state.log, outcome];
      return outcome;
    },
    /** A turn that replay runs again. */
    slow(ctx, file: string): number {
      reach(file, 'slow', 'one');
      ctx.state.file = file;
      ctx.state.count += 1;
      return ctx.state.count;
    },
  },
  queries: {
    all: (ctx) => ({ count: ctx.state.count, log: ctx.state.log }),
  },
});
