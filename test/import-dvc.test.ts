// `pipe import dvc.yaml`: the pipeline that it writes runs, and what has no counterpart is said.

import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {join, resolve} from 'node:path';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';
import {noPython} from './rig/python.ts';

const FILES: Readonly<Record<string, string>> = {
  'dvc.yaml': `vars:
  - sizes: {small: 2, large: 4}
stages:
  prepare:
    desc: Splits the data
    cmd: python3 src/prepare.py data/raw.txt data/prepared
    deps: [data/raw.txt, src/prepare.py]
    params: [prepare.seed]
    outs: [data/prepared]
  train:
    foreach: \${sizes}
    do:
      cmd: python3 src/train.py data/prepared model-\${key}.txt \${item}
      deps: [data/prepared, src/train.py]
      outs:
        - model-\${key}.txt:
            remote: other
  grid:
    matrix: {lr: [0.1, 0.2], kind: [a]}
    cmd: echo \${item.lr} \${item.kind} > grid-\${key}.txt
    outs: ['grid-\${key}.txt']
  evaluate:
    wdir: eval
    cmd:
      - mkdir -p out
      - cat ../model-small.txt ../model-large.txt > out/all.txt
      - python3 ../src/score.py \${options}
    deps: [../model-small.txt, ../model-large.txt, ../src/score.py]
    outs: [out]
    metrics: [{scores.json: {cache: false}}]
    frozen: true
plots:
  - out/all.txt
`,
  'params.yaml': 'prepare: {seed: 3, split: 0.5}\noptions: {verbose: true, nested: {rate: 0.5}}\n',
  'data/raw.txt': 'one\ntwo\nthree\n',
  'src/prepare.py': `import json, os, sys
from helpers import shout
params = json.load(open("params.yaml"))
os.makedirs(sys.argv[2])
open(sys.argv[2] + "/text.txt", "w").write(shout(open(sys.argv[1]).read()) + str(params["prepare"]["seed"]))
`,
  'src/helpers.py': 'def shout(text):\n    return text.upper()\n',
  'src/other.py': '',
  'src/train.py': `import sys
text = open(sys.argv[1] + "/text.txt").read()
open(sys.argv[2], "w").write(text * int(sys.argv[3]))
`,
  'src/score.py': `import json, sys
assert sys.argv[1:] == ["--verbose", "--nested.rate", "0.5"], sys.argv
json.dump({"size": len(open("out/all.txt").read()), "more": {"deep": 1}, "name": "x"}, open("scores.json", "w"))
`,
};

test('stages, foreach, matrix, params, metrics and folders of a DVC project run', {
  skip: noPython,
}, async () => {
  using rig = new CliProject();
  for (const [path, text] of Object.entries(FILES)) rig.write(path, text);
  const said = await rig.pipe('import', 'dvc.yaml', '-o', 'pipelines/study.yaml');
  assert.equal(said.code, 0, said.stderr);
  for (const note of [
    'plots of dvc.yaml: left out',
    'prepare: src/helpers.py: imported by src/prepare.py, which DVC does not track',
    'train_small: remote of model-small.txt: left out',
    'evaluate: frozen: left out; a result that is known stays as it is',
  ]) {
    assert.ok(said.stdout.includes(note), note);
    assert.ok(
      rig.read('pipelines/study.yaml').includes(`# ${note.replace(/^(prepare|train_small|evaluate): /, '')}`),
      note,
    );
  }
  const run = await rig.execute('study');
  assert.deepEqual(run.ran, [
    'evaluate',
    'grid_0_1_a',
    'grid_0_2_a',
    'prepare',
    'train_large',
    'train_small',
  ]);
  const metrics = run.events.flatMap(event =>
    event.type === 'finished' && event.id === 'evaluate' && 'result' in event.outcome
      ? [event.outcome.result.metrics]
      : [],
  );
  assert.deepEqual(metrics, [{size: 90, 'more.deep': 1}]);
  rig.edit('pipelines/study.yaml', 'seed: 3', 'seed: 4');
  assert.deepEqual((await rig.execute('study')).cached, ['grid_0_1_a', 'grid_0_2_a']);
  assert.equal((await rig.pipe('import', 'dvc.yaml', '-o', 'pipelines/study.yaml')).code, 2);
});

test('what public projects do: params.yaml read whole, several files of metrics, variables of other files', {
  skip: noPython,
}, async () => {
  using rig = new CliProject();
  rig.write(
    'dvc.yaml',
    `vars: ["conf/sizes.yaml:sizes"]
stages:
  train:
    cmd: python3 src/train.py --config=params.yaml
    deps: [src/train.py]
    params: [train.rate]
    outs: [model.txt]
    metrics: [report/scores.json, report/more.json]
  sizes:
    foreach: \${sizes}
    do:
      cmd: echo \${item} > size-\${item}.txt
      outs: ["size-\${item}.txt"]
`,
  );
  rig.write('params.yaml', 'train: {rate: 0.5}\nmodel_dir: models\nseed: 3\n');
  rig.write('conf/sizes.yaml', 'sizes: [1, 2]\nseed: 4\n');
  // A result of an earlier run lies in the project, as those do that git tracks.
  rig.write('report/scores.json', '{}');
  rig.write(
    'src/train.py',
    `import json
params = json.load(open("params.yaml"))
assert params["model_dir"] == "models"
open("model.txt", "w").write(str(params["seed"]))
json.dump({"rmse": params["train"]["rate"]}, open("report/scores.json", "w"))
json.dump({"alpha": params["seed"]}, open("report/more.json", "w"))
`,
  );
  const said = await rig.pipe('import', 'dvc.yaml', '-o', 'pipelines/study.yaml');
  assert.match(said.stdout, /train: params\.yaml: what reads it may read all of it, so every group counts/);
  const plan = await rig.pipe('plan', 'study');
  assert.doesNotMatch(plan.stdout + plan.stderr, /warning/);
  const run = await rig.execute('study');
  assert.deepEqual(run.ran, ['sizes_1', 'sizes_2', 'train']);
  const metrics = run.events.flatMap(event =>
    event.type === 'finished' && event.id === 'train' && 'result' in event.outcome
      ? [event.outcome.result.metrics]
      : [],
  );
  assert.deepEqual(metrics, [{rmse: 0.5, alpha: 3}]);
  rig.write('none/dvc.yaml', 'artifacts: {a: {path: b}}\n');
  assert.match(
    (await rig.pipe('import', 'none/dvc.yaml')).stderr,
    /expected stages in none\/dvc\.yaml, got none/,
  );
});

test('a dvc.yaml below the project reaches what stands beside its folder, as in a repository with several', {
  skip: noPython,
}, async () => {
  using rig = new CliProject();
  rig.write('.git/HEAD', 'ref: refs/heads/main\n');
  rig.write(
    'models/ner/dvc.yaml',
    `stages:
  clean:
    foreach: {drug: {file: first}, organ: {file: second}}
    do:
      cmd: python3 clean.py ../../data/\${item.file}.txt ../../data/clean_\${key}.txt
      deps:
        - clean.py
        - ../../data/\${item.file}.txt
        - ../../data/common.txt
      params: [rate]
      outs:
        - ../../data/clean_\${key}.txt
  all:
    wdir: ../../data
    cmd: cat clean_drug.txt clean_organ.txt > all.txt
    deps: [clean_drug.txt, clean_organ.txt]
    outs: [all.txt]
`,
  );
  rig.write('models/ner/params.yaml', 'rate: 3\n');
  rig.write(
    'models/ner/clean.py',
    `import json, sys
text = open(sys.argv[1]).read() + str(json.load(open("params.yaml"))["rate"])
open(sys.argv[2], "w").write(text.upper())
`,
  );
  rig.write('data/first.txt', 'one');
  rig.write('data/second.txt', 'two');
  const inside = spawnSync(process.execPath, [resolve('dist/cli.js'), 'import', 'dvc.yaml'], {
    cwd: join(rig.folder, 'models/ner'),
    encoding: 'utf8',
  });
  assert.equal(inside.status, 2);
  assert.match(inside.stderr, /uses \.\.\/\.\.\/data\/first\.txt/);
  assert.match(inside.stderr, /`cd \.\.\/\.\. && pipe import models\/ner\/dvc\.yaml`/);
  const said = await rig.pipe('import', 'models/ner/dvc.yaml');
  assert.match(said.stdout, /^ {2}clean_drug, clean_organ: data\/common\.txt is not here/m);
  rig.write('data/common.txt', '');
  const run = await rig.execute('ner');
  assert.deepEqual(run.ran, ['all', 'clean_drug', 'clean_organ']);
  const text = await rig.pipe('get', 'ner', 'all', '-o', 'all.txt');
  assert.equal(text.code, 0, text.stderr);
  assert.equal(rig.read('all.txt'), 'ONE3TWO3');
});
