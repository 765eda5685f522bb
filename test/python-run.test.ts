// Python stages from a pipeline to its results: inputs, outputs, metrics, log, checkpoint; what an edit runs again.

import assert from 'node:assert/strict';
import {readdirSync} from 'node:fs';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';
import {noPython} from './rig/python.ts';

const skip = noPython;

const FIT = `"""Fits."""
from pathlib import Path
from typing import Literal
from pipe_stage import File, Folder, Run, stage


@stage(outputs={"weights": File("weights.txt"), "plots": Folder("plots")})
def fit(data: Path, *, lr: float = 0.1, optimizer: Literal["sgd", "sam"] = "sgd", seed: int, run: Run):
    """Trains a small network.

    Args:
        lr: the learning rate
    """
    from lib.model import score

    assert isinstance(lr, float)
    run.progress(1, 1, loss=0.5)
    print("prints", flush=True)
    run.log("logs")
    text = (data / "data.txt").read_text().strip()
    run.out("weights").write_text(f"{lr} {optimizer} {seed} {text}\\n")
    (run.out("plots") / "a.txt").write_text("plot")
    run.metric("cpus", run.cpus)
    return {"accuracy": score(lr, seed)}
`;

const GATHER = `from pipe_stage import File, Input, Run, stage


@stage(outputs={"table": File("table.txt")})
def gather(runs: list[Input], extra: Input = None, *, run: Run):
    """Gathers."""
    assert extra is None
    rows = sorted(f"{each.cell['seed']} {each.cell['optimizer']} {each.files['weights'].read_text().strip()}" for each in runs)
    run.out("table").write_text("\\n".join(rows) + "\\n")
    return {"best": max(each.metrics["accuracy"] for each in runs)}
`;

const PIPELINE = `pipeline: study
params: {lr: 1}
stages:
  make:
    run: echo 1 2 > "$out/data.txt"
    out: data.txt
  fit:
    uses: fit
    in: {data: make}
    matrix: {seed: [0, 1], optimizer: [sgd, sam]}
    with: {lr: "\${lr}"}
  gather:
    uses: ./stages/gather.py
    in: {runs: {each: fit}}
    publish: results
`;

export function project(): CliProject {
  const rig = new CliProject();
  rig.write('stages/fit.py', FIT);
  rig.write('stages/gather.py', GATHER);
  rig.write('lib/model.py', 'def score(lr, seed):\n    return lr / (seed + 1)\n');
  rig.write('pipelines/study.yaml', PIPELINE);
  return rig;
}

test('a study with Python stages runs, is cached, and an edit runs what it touched', {skip}, async () => {
  using rig = project();
  const first = await rig.execute('study');
  assert.equal(first.ran.length, 6);
  assert.equal(
    rig.read('results/table.txt'),
    '0 sam 1.0 sam 0 1 2\n0 sgd 1.0 sgd 0 1 2\n1 sam 1.0 sam 1 1 2\n1 sgd 1.0 sgd 1 1 2\n',
  );
  assert.equal((await rig.execute('study')).cached.length, 6);

  const log = await rig.pipe('log', 'study', 'fit[seed=0,optimizer=sgd]');
  assert.equal(log.stdout, 'prints\nlogs\n');

  // What is said and not done is no reason to run.
  rig.write(
    'lib/model.py',
    '"""Scores."""\n\n# how\ndef score(\n    lr,\n    seed,\n):\n    "Of a run."\n    return (lr / (seed + 1))\n',
  );
  assert.equal((await rig.execute('study')).cached.length, 6);

  rig.edit('lib/model.py', 'seed + 1', 'seed + 2');
  const why = await rig.pipe('why', 'study', 'fit[seed=0,optimizer=sgd]');
  assert.match(why.stdout, /lib\/model\.py changed \(imported by stages\/fit\.py\)/);
  const again = await rig.execute('study');
  assert.deepEqual(
    again.ran.filter(id => !id.startsWith('fit')),
    ['gather'],
  );
  // An interpreter without hashes: the same bytes when it is made again.
  assert.deepEqual((await rig.execute('study', '--force')).digests(), {
    ...first.digests(),
    ...again.digests(),
  });
});

test('parameters of a Python stage are checked before anything runs', {skip}, async () => {
  using rig = project();
  rig.edit('pipelines/study.yaml', 'params: {lr: 1}', 'params: {lr: fast}');
  rig.edit('pipelines/study.yaml', 'with: {lr', 'with: {optimiser: sam, lr');
  rig.edit('pipelines/study.yaml', '[sgd, sam]', '[sgd, sma]');
  const said = await rig.pipe('run', 'study');
  assert.equal(said.code, 2);
  const text = said.stdout + said.stderr;
  assert.match(text, /expected a parameter of the stage module fit, got 'optimiser'/);
  assert.match(text, /expected a number as lr, got the text 'fast'/);
  assert.match(
    text,
    /expected one of 'sgd', 'sam' as optimizer, got the text 'sma'[\s\S]*did you mean sam\?/,
  );
  assert.match(text, /\^\^\^/);
});

test('a sweep takes the laid-out sources, and the next run lays them out again', {skip}, async () => {
  using rig = project();
  await rig.execute('study', 'gather');
  assert.equal((await rig.pipe('gc', '--force')).code, 0);
  assert.deepEqual(readdirSync(rig.path('cache/python/code')), []);
  assert.equal((await rig.execute('study')).cached.length, 6);
  assert.equal((await rig.execute('study', '--force')).ran.length, 6);
});

test('a longer result of a Python stage goes on from a shorter one, to the same bytes', {skip}, async () => {
  using rig = new CliProject();
  rig.write(
    'stages/walk.py',
    `import random
from pipe_stage import Continues, File, Folder, Run, stage

@stage(outputs={"state": Folder(), "curve": File("curve.txt")}, continues=Continues("steps", "state", when={"style": "even"}))
def walk(*, steps: int, style: str = "even", run: Run):
    kept = run.checkpoint / "lines.txt" if run.checkpoint else None
    lines = kept.read_text().split() if kept is not None and kept.exists() else []
    run.log(f"from {len(lines)}")
    while len(lines) < steps:
        lines.append(str(random.Random(len(lines)).random()))
    run.out("curve").write_text("\\n".join(lines))
    (run.out("state") / "lines.txt").write_text("\\n".join(lines))
`,
  );
  const pipeline = (matrix: string): void =>
    rig.write(
      'pipelines/study.yaml',
      `pipeline: study\nstages:\n  walk:\n    uses: walk\n    matrix: ${matrix}\n`,
    );
  const began = async (id: string): Promise<string> => (await rig.pipe('log', 'study', id)).stdout.trim();
  pipeline('{steps: [5, 2]}');
  await rig.execute('study');
  assert.match(await began('walk[steps=2]'), /from 0/);
  assert.match(await began('walk[steps=5]'), /from 2/);
  pipeline('{steps: [9]}');
  const longer = await rig.execute('study');
  assert.match(await began('walk[steps=9]'), /from 5/);
  const again = await rig.execute('study', '--force');
  assert.match(await began('walk[steps=9]'), /from 0/);
  assert.deepEqual(again.digests(), longer.digests());
  pipeline('{steps: [3, 4], style: [odd]}');
  await rig.execute('study');
  assert.match(await began('walk[steps=4,style=odd]'), /from 0/);
});
