// `pipe report` on a project that really runs: from no results to a page, from a fresh clone, and what is refused.

import assert from 'node:assert/strict';
import {execFile, execFileSync} from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {after, test} from 'node:test';
import {promisify} from 'node:util';

const root = resolve(import.meta.dirname, '..');
const base = mkdtempSync(join(tmpdir(), 'pipe-report-'));
after(() => rmSync(base, {recursive: true, force: true}));

const PIPELINE = `
pipeline: study
about: Which of two is larger?
params: {seeds: [1, 2]}
stages:
  measure:
    run: |
      echo "measuring seed $seed of $kind"
      echo "{\\"score\\": 0.9$\{seed}5\${#kind}}" > "$metrics"
      echo "$kind $seed" > "$out/raw.txt"
    matrix: {kind: [a, bb], seed: "\${seeds}"}
    out: {raw: raw.txt}
  table:
    run: |
      printf '# Scores\\n\\n| kind | seed 1 | seed 2 |\\n| - | -: | -: |\\n| a | 0.9151 | 0.9251 |\\n' > "$out/table.md"
      printf '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20"/></svg>' > "$out/plot.svg"
    in: {runs: {each: measure}}
    out: {table: table.md, plot: plot.svg}
    publish: results/study
`;

let projects = 0;
function project(text = PIPELINE): string {
  const folder = join(base, `project-${projects++}`);
  mkdirSync(join(folder, 'pipelines'), {recursive: true});
  writeFileSync(join(folder, 'pipelines', 'study.yaml'), text);
  return folder;
}

interface Ended {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

const pipe = (cwd: string, ...args: string[]): Promise<Ended> =>
  new Promise(done => {
    const env = {...process.env, NO_COLOR: '1', CI: '1'};
    execFile(process.execPath, [join(root, 'dist', 'cli.js'), ...args], {cwd, env}, (error, stdout, stderr) =>
      done({code: error === null ? 0 : error.code, stdout, stderr}),
    );
  });

const read = (folder: string, name = 'report.html'): string => readFileSync(join(folder, name), 'utf8');

test('before anything ran there is no page, and the way to one is said', async () => {
  const folder = project();
  const {code, stderr} = await pipe(folder, 'report', 'study');
  assert.equal(code, 1);
  assert.match(stderr, /study has no results yet/);
  assert.match(stderr, /pipe run pipelines\/study\.yaml/);
  assert.equal(existsSync(join(folder, 'report.html')), false);
});

test('after a run the page has table, picture, logs, commands; twice it is the same', async () => {
  const folder = project();
  assert.equal((await pipe(folder, 'run', 'study')).code, 0);
  const {code, stdout} = await pipe(folder, 'report', 'study');
  assert.equal(code, 0);
  assert.match(stdout, /^report\.html, [\d.]+ kB\n$/);
  const page = read(folder);
  assert.match(page, /Which of two is larger\?/);
  assert.match(page, /<td class="number">0\.9251<\/td>[\s\S]*Made by <a href="#i-table">table<\/a>/);
  assert.match(page, /<img src="data:image\/svg\+xml;base64,/);
  assert.match(page, /measuring seed 1 of bb/);
  assert.match(page, /pipe run study/);
  assert.match(page, />5 executed </);
  assert.equal((await pipe(folder, 'report', 'study', '-o', 'pages/again.html')).code, 0);
  assert.equal(read(folder, 'pages/again.html'), page);
});

test('a page goes into a pipe and through a link, and takes the place of neither', async () => {
  const folder = project();
  await pipe(folder, 'run', 'study');
  execFileSync('mkfifo', [join(folder, 'fifo')]);
  const piped = promisify(execFile)('cat', [join(folder, 'fifo')], {encoding: 'utf8'});
  assert.equal((await pipe(folder, 'report', 'study', '-o', 'fifo')).code, 0);
  assert.match((await piped).stdout, /Which of two is larger\?/);
  assert.ok(lstatSync(join(folder, 'fifo')).isFIFO());
  writeFileSync(join(folder, 'elsewhere.html'), '');
  symlinkSync('elsewhere.html', join(folder, 'link.html'));
  assert.equal((await pipe(folder, 'report', 'study', '-o', 'link.html')).code, 0);
  assert.ok(lstatSync(join(folder, 'link.html')).isSymbolicLink());
  assert.equal(read(folder, 'elsewhere.html'), (await piped).stdout);
});

test('a run from the cache changes what is said of the last run, and no result', async () => {
  const folder = project();
  await pipe(folder, 'run', 'study');
  await pipe(folder, 'report', 'study');
  const before = read(folder);
  await pipe(folder, 'run', 'study');
  await pipe(folder, 'report', 'study');
  const page = read(folder);
  assert.match(page, />5 cached </);
  const instances = (text: string): string =>
    text.slice(text.indexOf('<section id="instances">'), text.indexOf('<section id="reproduce">'));
  assert.equal(instances(page), instances(before));
});

test('on a fresh clone the page is made from the lock file and the published files', async () => {
  const folder = project();
  await pipe(folder, 'run', 'study');
  rmSync(join(folder, 'cache'), {recursive: true, force: true});
  assert.equal((await pipe(folder, 'report', 'study')).code, 0);
  const page = read(folder);
  assert.match(page, /5 known from the lock file alone/);
  assert.match(page, /<td class="number">0\.9251<\/td>[\s\S]*Made by <a href="#i-table">table<\/a>/);
  writeFileSync(join(folder, 'results', 'study', 'table.md'), '| kind | seed 1 |\n| - | - |\n| a | 1.0 |\n');
  await pipe(folder, 'report', 'study');
  const changed = read(folder);
  assert.doesNotMatch(changed, /<section id="results">/, 'a published file that was changed is no result');
  assert.match(changed, /Left out: table\.md of table/);
});

test('instances that failed or never ran are named', async () => {
  const folder = project(PIPELINE.replace('echo "$kind $seed"', 'test "$kind" != bb && echo "$kind $seed"'));
  assert.equal((await pipe(folder, 'run', 'study')).code, 1);
  assert.equal((await pipe(folder, 'report', 'study')).code, 0);
  assert.match(read(folder), /of 5 instances, 2 failed in the last try; 1 never run/);
});

test('instances of a matrix that a stage made are on the page', async () => {
  const folder = project(`
pipeline: study
stages:
  cells:
    run: echo '[{"x":1},{"x":2},{"x":3}]' > "$out/cells.json"
    out: {cells: cells.json}
  work:
    run: echo "$x" > "$out/x.txt"
    matrix: {from: cells.cells}
    out: {x: x.txt}
`);
  const ran = await pipe(folder, 'run', 'study');
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal((await pipe(folder, 'report', 'study')).code, 0);
  assert.match(read(folder), /id="i-work-x-3"/);
});

test('what makes no sense is refused with exit code 2', async () => {
  const folder = project();
  await pipe(folder, 'run', 'study');
  const extra = await pipe(folder, 'report', 'table');
  assert.equal(extra.code, 2);
  assert.match(extra.stderr, /expected one pipeline, got 'table' as well/);
  const place = await pipe(folder, 'report', 'study', '-o', 'pipelines');
  assert.equal(place.code, 2);
  assert.match(place.stderr, /expected to write pipelines/);
});
