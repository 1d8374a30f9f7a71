/**
 * Tests run over the built `dist`, since vitest's transforms do not reach worker files.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['dist/test/**/*.test.js'],
    // Forked processes: a test may start worker threads, kill them and leave none behind unseen.
    pool: 'forks',
    // Two cores: each file starts a system of several threads, more files at once only thrash.
    maxWorkers: 2,
    // A whole system start, load and stop on a busy machine; crash tests set their own.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default'],
  },
});
