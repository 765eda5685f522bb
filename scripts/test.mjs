// `npm test`: every test file, two at a time. A file in which something failed runs once more, alone: if it passes then,
// it failed because of what ran beside it, and is named as unstable, which is a defect of the test to be mended. What
// fails again has failed, and so has a run in which many files fail.
// `npm test -- test/core.test.ts …` runs these files only.

import {spawnSync} from 'node:child_process';
import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, relative} from 'node:path';

const MOST_RUN_AGAIN = 3;
const root = join(import.meta.dirname, '..');

const testsIn = folder =>
  readdirSync(join(root, folder), {withFileTypes: true})
    .filter(entry => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map(entry => `${folder}/${entry.name}`);

const allTests = () => [
  ...testsIn('test'),
  ...readdirSync(join(root, 'test'), {withFileTypes: true})
    .filter(entry => entry.isDirectory())
    .flatMap(entry => testsIn(`test/${entry.name}`)),
];

/** Files, relative to the project, in which a test failed; `null` where the runner itself did not end well. */
function run(files, concurrency) {
  const folder = mkdtempSync(join(tmpdir(), 'pipe-test-'));
  const failed = join(folder, 'failed');
  try {
    const {status} = spawnSync(
      process.execPath,
      [
        ...[
          '--import',
          'tsx',
          '--import',
          './scripts/fast-check.mjs',
          '--test',
          `--test-concurrency=${concurrency}`,
        ],
        ...[`--test-reporter=${process.stdout.isTTY ? 'spec' : 'tap'}`, '--test-reporter-destination=stdout'],
        ...['--test-reporter=./scripts/failed-files.mjs', `--test-reporter-destination=${failed}`],
        ...files,
      ],
      {cwd: root, stdio: 'inherit'},
    );
    const names = new Set(readFileSync(failed, 'utf8').split('\n').filter(Boolean));
    if (status !== 0 && names.size === 0) return null;
    return [...names].map(name => relative(root, name));
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

const asked = process.argv.slice(2);
const failed = run(asked.length > 0 ? asked : allTests(), 2);
if (failed === null) process.exit(1);
if (failed.length === 0) process.exit(0);
console.error(`\nfailed in ${failed.join(', ')}`);
if (failed.length > MOST_RUN_AGAIN) process.exit(1);
console.error('once more, alone:\n');
const again = run(failed, 1);
if (again === null || again.length > 0) process.exit(1);
console.error(`\nunstable, failed beside others and passed alone: ${failed.join(', ')}`);
