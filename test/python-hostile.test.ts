// What projects do to a grid of Python cells: crashes in C and memory that runs out, wrong parameters of every kind,
// installs of the project itself, type checkers.

import assert from 'node:assert/strict';
import {execFileSync, spawnSync} from 'node:child_process';
import {join, resolve} from 'node:path';
import {test} from 'node:test';
import {numbersOf} from '../src/core/metric.ts';
import {CliProject} from './rig/cli-project.ts';
import {eventsOf} from './rig/cli-run.ts';
import {noModule, noPython} from './rig/python.ts';
import {PythonProject, stageText} from './rig/python-project.ts';

const skip = noPython;

test('of a grid, cells that crash in C or run out of memory are lost, and no others', {
  skip: noPython || (process.platform !== 'linux' && 'limits of memory are of Linux'),
}, async () => {
  using rig = new CliProject();
  const cells = Array.from({length: 16}, (_, n) => n);
  rig.write(
    'pipelines/study.yaml',
    `pipeline: study\nstages:\n  cell:\n    uses: cell\n    matrix: {n: [${cells}]}\n`,
  );
  rig.write(
    'stages/cell.py',
    `import ctypes, os, resource
from pipe_stage import Run, stage

ballast = bytearray(32 << 20)

@stage
def cell(*, n: int, run: Run):
    score = open("/proc/self/oom_score_adj").read().strip()
    if n % 4 == 1:
        ctypes.c_int.from_address(8).value
    if n % 4 == 2:
        resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
        bytearray(1 << 30)
    if n % 4 == 3:
        resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        libc.malloc.argtypes = [ctypes.c_size_t]
        libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
        libc.memset(libc.malloc(1 << 30), 0, 1 << 30)
    return {"n": n, "ballast": len(ballast), "falls_first": int(score)}
`,
  );
  const said = await rig.pipe('run', 'study', '--json', '--jobs', '2', '--keep-going');
  const ends: Record<string, unknown[]> = {};
  for (const event of eventsOf(said.stdout)) {
    if (event.type !== 'finished') continue;
    const {outcome, id} = event;
    if (outcome.status === 'executed') ends[id] = ['made', numbersOf(outcome.result.metrics).falls_first];
    if (outcome.status === 'failed') {
      const {failure} = outcome;
      ends[id] = [
        failure.reason,
        failure.reason === 'exited' ? failure.signal : Reflect.get(failure, 'message'),
      ];
    }
  }
  const expected = [
    ['made', 500],
    ['exited', 'SIGSEGV'],
    ['threw', 'MemoryError'],
    ['exited', 'SIGSEGV'],
  ];
  assert.deepEqual(ends, Object.fromEntries(cells.map(n => [`cell[n=${n}]`, expected[n % 4]])));
  // What a cell's own process did not survive is said with what it is.
  const again = await rig.pipe('run', 'study', 'cell[n=1]');
  assert.match(again.stdout + again.stderr, /SIGSEGV/);
});

test('every kind of wrong parameter is said with its place before anything runs', {skip}, async () => {
  using rig = new CliProject();
  rig.write(
    'stages/fit.py',
    `from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Literal, Optional
from pipe_stage import Range, stage

class Kind(Enum):
    A = "alpha"
    B = "beta"

@dataclass
class Model:
    width: int
    hidden: list[int]

@stage
def fit(
    *,
    lr: Annotated[float, Range(above=0, at_most=1)],
    count: int = 1,
    flag: bool = False,
    name: str = "x",
    optimizer: Literal["sgd", "sam"] = "sgd",
    kind: Kind = Kind.A,
    sizes: list[int] = [1],
    table: dict[str, float] = {},
    pair: tuple[int, str] = (1, "a"),
    clip: Optional[float] = None,
    model: Optional[Model] = None,
):
    raise AssertionError("ran")
`,
  );
  const check = async (params: string): Promise<string> => {
    rig.write(
      'pipelines/study.yaml',
      `pipeline: study\nstages:\n  fit:\n    uses: fit\n    with: {${params}}\n`,
    );
    const {code, stdout, stderr} = await rig.pipe('run', 'study');
    assert.equal(code, 2, `${params}: ${stdout}${stderr}`);
    assert.doesNotMatch(stdout + stderr, /Traceback|AssertionError/);
    return stdout + stderr;
  };
  /** What is written, what is said, and the column where it stands in its line. */
  const wrong: ReadonlyArray<readonly [params: string, said: RegExp, at: string]> = [
    ['lr: 0', /a number greater than 0 and of at most 1 as lr, got the number 0/, '0}'],
    ['lr: 1.5', /of at most 1 as lr, got the number 1\.5/, '1.5'],
    ['lr: fast', /as lr, got the text 'fast'/, 'fast'],
    ['lr: .inf', /a finite number, got \.inf/, '.inf'],
    ['lr: 0.1, count: 1.5', /a whole number as count, got the number 1\.5/, '1.5'],
    ['lr: 0.1, count: "1"', /a whole number as count, got the text '1'/, '"1"'],
    ['lr: 0.1, flag: 1', /true or false as flag, got the number 1/, '1}'],
    ['lr: 0.1, name: 3', /text as name, got the number 3/, '3}'],
    ['lr: 0.1, name: null', /text as name, got nothing/, 'null'],
    ['lr: 0.1, optimizer: sdg', /one of 'sgd', 'sam' as optimizer, got the text 'sdg'/, 'sdg'],
    ['lr: 0.1, kind: A', /one of 'alpha', 'beta' as kind, got the text 'A'/, 'A}'],
    ['lr: 0.1, sizes: [1, two]', /a whole number as sizes\.1, got the text 'two'/, 'two'],
    ['lr: 0.1, sizes: 4', /a list as sizes, got the number 4/, '4}'],
    ['lr: 0.1, table: {a: b}', /a number as table\.a, got the text 'b'/, 'b}'],
    ['lr: 0.1, pair: [1]', /text as pair\.1, got none/, '[1]'],
    ['lr: 0.1, clip: none', /a number or null as clip, got the text 'none'/, 'none'],
    ['lr: 0.1, model: {width: 1, hidden: [], widht: 2}', /got 'widht'[\s\S]*did you mean width\?/, 'widht'],
    ['lr: 0.1, model: {hidden: [1]}', /a whole number as model\.width, got none/, '{hidden'],
    ['lr: 0.1, model: {width: 1, hidden: [x]}', /a whole number as model\.hidden\.0, got the text 'x'/, 'x]'],
    ['lr: 0.1, model: 3', /a map or null as model, got the number 3/, '3}'],
    ['lr: 0.1, learning_rate: 1', /got 'learning_rate'[\s\S]*known here are lr, count/, 'learning_rate'],
    ['count: 1', /the parameter lr .* of the stage module fit, got none/, ''],
  ];
  for (const [params, said, at] of wrong) {
    const text = await check(params);
    assert.match(text, said);
    const line = `    with: {${params}}`;
    const column = at === '' ? undefined : line.indexOf(at, line.indexOf('{') + 1) + 1;
    if (column !== undefined)
      assert.ok(text.includes(`study.yaml:5:${column}`), `${params}, ${column}: ${text}`);
  }
});

test('an editable install of the project is the project: by a path, and by a finder', {skip}, async t => {
  using project = new PythonProject({
    'packages/flat/pyproject.toml': pyproject('flat', 'packages = ["flatlib"]'),
    'packages/flat/flatlib/__init__.py': 'from .inner import value\n',
    'packages/flat/flatlib/inner.py': 'value = 1\n',
    'packages/laid/pyproject.toml': pyproject('laid', 'package-dir = {"" = "src"}'),
    'packages/laid/src/laidlib/__init__.py': 'value = 1\n',
    'stages/fit.py': stageText('import flatlib, laidlib'),
  });
  const at = (path: string): string => join(project.folder, path);
  execFileSync('python3', ['-m', 'venv', at('.venv')]);
  // The setuptools of the tests' Python: that of a new environment may be too old, or missing.
  const site = execFileSync('python3', ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'], {
    encoding: 'utf8',
  }).trim();
  const installed = spawnSync(
    at('.venv/bin/python'),
    ['-m', 'pip', 'install', '--quiet', '--no-index', '--no-build-isolation', '--no-deps'].concat(
      ['flat', 'laid'].flatMap(name => ['-e', at(`packages/${name}`)]),
    ),
    {encoding: 'utf8', env: {...process.env, PYTHONPATH: site}},
  );
  if (installed.status !== 0)
    return t.skip(`pip install -e does not work here: ${installed.stderr.slice(-300)}`);
  const {files, packages} = await project.code();
  assert.deepEqual(Object.keys(files).sort(), [
    'packages/flat/flatlib/__init__.py',
    'packages/flat/flatlib/inner.py',
    'packages/laid/src/laidlib/__init__.py',
    'stages/fit.py',
  ]);
  assert.equal(packages.flat ?? packages.laid, undefined, 'its code counts, not its version');
  const before = await project.code();
  project.edit('packages/flat/flatlib/inner.py', '1', '2');
  const flat = await project.code();
  assert.notEqual(flat.code, before.code);
  project.edit('packages/laid/src/laidlib/__init__.py', '1', '2');
  assert.notEqual((await project.code()).code, flat.code);
});

const pyproject = (name: string, setuptools: string): string =>
  `[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n\n` +
  `[project]\nname = "${name}"\nversion = "1.0"\n\n[tool.setuptools]\n${setuptools}\n`;

test('pyright accepts what stages are written with', {skip: noModule('pyright')}, () => {
  const file = join(import.meta.dirname, 'rig/typed_stage.py');
  const ended = spawnSync('python3', ['-m', 'pyright', file], {
    cwd: resolve(import.meta.dirname, '../python'),
    encoding: 'utf8',
    env: {...process.env, PYRIGHT_PYTHON_IGNORE_WARNINGS: '1'},
  });
  assert.match(ended.stdout, /0 errors/, ended.stdout + ended.stderr);
});
