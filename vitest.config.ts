/**
 * Tests run over the built `dist`, since vitest's transforms do not reach worker files.
 * `VITEST_REPORT` names a file for a machine-readable report beside the one for people (`.ci/run`).
 */
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const report = process.env['VITEST_REPORT'];

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['dist/test/**/*.test.js'],
    // Processes, not threads: a test starts worker threads of its own, kills them and counts what is left.
    pool: 'forks',
    // Two: each file starts systems of several threads, more files at once only thrash on a small machine.
    maxWorkers: 2,
    // A whole system's start, load and stop on a busy machine takes seconds; crash tests set their own.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Console lines as they come: `.ci/run` reads the reasons of skipped tests from them.
    disableConsoleIntercept: false,
    reporters: report === undefined ? ['default'] : ['default', 'json'],
    ...(report === undefined ? {} : { outputFile: { json: report } }),
  },
});

export default config;
