#!/usr/bin/env node
/**
 * The entry of the `synapse` command: the real process and the real Synapse, handed to the program.
 * Sets the exit status and lets the process end by itself: whatever keeps it alive then is a leak to be seen.
 */
import { execute } from './program.ts';
import { SYNAPSE_HOST } from './synapse-host.ts';
import type { StopSignal, Terminal } from './terminal.ts';

const SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM'];

const terminal: Terminal = {
  get stdin() {
    return process.stdin; // opened only by those who read it
  },
  stdout: process.stdout,
  stderr: process.stderr,
  workDir: process.cwd(),
  onSignal(listener) {
    for (const signal of SIGNALS) process.on(signal, listener);
    return () => {
      for (const signal of SIGNALS) process.off(signal, listener);
    };
  },
  exitNow: (status) => process.exit(status),
};

// A reader that goes away is the command's to notice; without these listeners it would end the process with a stack.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

process.exitCode = await execute(process.argv.slice(2), terminal, SYNAPSE_HOST);
