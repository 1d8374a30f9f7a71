/**
 * Reads what a vitest run left (its JSON report and its log) and judges it for `.ci/run`.
 *
 * A test that lacks a tool skips itself and prints `SKIPPED: reason`. On CI only the reasons listed
 * here are accepted; any other, or a skip without one, counts as a failed check.
 * Usage: node .ci/report.mjs REPORT LOG [--with-nodes]. Last line: `passed failed`.
 */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** What CI may lack, and why that is no failure. */
const ALLOWED_REASONS = [
  // The production traces are not ours to ship; they lie beside the repository where there are any.
  /^\.\.\/shared is absent/,
  // `.ci/run` runs these tests a second time with both set, and there accepts it no more.
  /^NODE22 is not set/,
  /^NODE24 is not set/,
];

const [reportPath, logPath, mode] = process.argv.slice(2);
const allowed =
  mode === '--with-nodes' ? ALLOWED_REASONS.filter(({ source }) => !source.startsWith('^NODE')) : ALLOWED_REASONS;
const report = JSON.parse(readFileSync(reportPath, 'utf8'));
const reasonsByFile = readReasons(readFileSync(logPath, 'utf8'));

let failed = report.numFailedTests;
for (const suite of report.testResults) {
  const file = relative(process.cwd(), suite.name);
  const skipped = suite.assertionResults.filter(({ status }) => status !== 'passed' && status !== 'failed');
  const reasons = reasonsByFile.get(file) ?? [];
  for (const test of suite.assertionResults) {
    if (test.status === 'failed') console.log(`failed: ${file}: ${test.fullName}`);
  }
  // A file that fails to load has no tests to count.
  if (suite.status === 'failed' && suite.assertionResults.length === 0) fail(`${file} did not load`);
  if (skipped.length > 0 && reasons.length === 0) fail(`${file}: ${skipped.length} skipped without a reason`);
  for (const reason of reasons) {
    if (allowed.some((pattern) => pattern.test(reason))) console.log(`skipped: ${file}: ${reason}`);
    else fail(`${file}: skipped on CI: ${reason}`);
  }
}
if (report.numTotalTests === 0) fail('no tests ran');
console.log(`${report.numPassedTests} ${failed}`);

function fail(what) {
  failed += 1;
  console.log(`failed: ${what}`);
}

/** The reasons each file printed: vitest heads console output with `stdout | dist/test/x.test.js > name`. */
function readReasons(log) {
  const reasons = new Map();
  let file = 'unknown file';
  for (const line of log.split('\n')) {
    const heading = /^(?:stdout|stderr) \| (\S+)/.exec(line);
    if (heading !== null) file = heading[1];
    const skip = /SKIPPED: (.*)$/.exec(line);
    if (skip !== null) reasons.set(file, [...(reasons.get(file) ?? []), skip[1].trim()]);
  }
  return reasons;
}
