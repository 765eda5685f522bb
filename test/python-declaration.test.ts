// The declaration of a Python stage: what its signature says, read from the text alone, and the same from the living
// function where the text does not say.

import assert from 'node:assert/strict';
import {join, resolve} from 'node:path';
import {test} from 'node:test';
import {z} from 'zod';
import {renderDiagnostic} from '../src/core/diagnostic.ts';
import {analyserEnvironment} from '../src/python/analyser.ts';
import {declarationOf} from '../src/python/declaration.ts';
import {describeModule} from '../src/python/describe-module.ts';
import {noModule, noPython} from './rig/python.ts';
import {PythonProject} from './rig/python-project.ts';

const skip = noPython;

const WHOLE = `from __future__ import annotations
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Dict, List, Literal, Optional, Tuple, Union

from pipe_stage import Continues, File, Folder, Input, Range, Run, stage


class Kind(Enum):
    SGD = "sgd"
    SAM = "sam"


class Level(Enum):
    LOW = 1
    HIGH = 2


@dataclass
class Inner:
    depth: int = 3


@dataclass
class Model:
    width: int
    inner: Inner = field(default_factory=Inner)
    hidden: List[int] = field(default_factory=list)


DEFAULT_LR = 0.1


@stage(
    outputs={"weights": File("weights.bin", "all weights"), "plots": Folder("plots"), "log": File},
    checkpoint=True,
    continues=Continues("seed", output="plots", when={"optimizer": "sgd", "nesterov": False}),
    device=True,
)
def fit(
    data: Path,
    runs: List[Input],
    extra: Optional[Path] = None,
    *,
    seed: int,
    lr: Annotated[float, Range(above=0, at_most=1), "how far a step goes"] = DEFAULT_LR,
    optimizer: Literal["sgd", "sam"] = "sgd",
    kind: Kind = Kind.SGD,
    level: Level = Level.LOW,
    model: Model,
    inner: Inner = Inner(depth=2),
    clip: Optional[float] = None,
    decay: float = None,
    either: Union[int, str] = 1,
    sizes: List[int] = [1, 2],
    pair: Tuple[int, str] = (1, "a"),
    table: Dict[str, float] = {"a": 1.5},
    place: Path = Path("x/y"),
    anything: Any = None,
    untyped=-2,
    nesterov: bool = False,
    run: Run,
):
    """Trains a small network.

    Args:
        data: pictures
        seed: of everything
            that is drawn
        optimizer (str): which one
    """
`;

test('the text of a signature says what the living function says', {skip}, async () => {
  using project = new PythonProject({'stages/fit.py': WHOLE});
  const {declaration, entry, interpreter} = await project.code();
  const described = await describeModule(
    {
      executable: interpreter,
      folder: resolve(import.meta.dirname, '../python'),
      project: project.folder,
      env: analyserEnvironment(process.env),
    },
    entry,
  );
  assert.ok(described.ok, JSON.stringify(described));
  const shown = (said: typeof declaration): unknown => {
    const {params, ...rest} = declarationOf(said);
    return {...rest, params: z.toJSONSchema(params, {io: 'input', unrepresentable: 'any'})};
  };
  assert.deepEqual(shown(declaration), shown(described.value));

  const {params, inputs, outputs, about, holds, usesDevice, checkpoint} = declarationOf(declaration);
  assert.equal(about, 'Trains a small network.');
  assert.deepEqual(inputs, {data: 'one', runs: 'each', extra: 'optional'});
  assert.deepEqual(outputs, {
    weights: {kind: 'file', name: 'weights.bin'},
    plots: {kind: 'folder', name: 'plots'},
    log: 'file',
  });
  assert.deepEqual(holds, {data: 'pictures', weights: 'all weights'});
  assert.deepEqual([usesDevice, checkpoint], [true, true]);
  assert.deepEqual(declarationOf(declaration).continues, {
    parameter: 'seed',
    from: 'plots',
    when: {optimizer: 'sgd', nesterov: false},
  });
  assert.deepEqual(params.parse({seed: 1, model: {width: 2}}), {
    seed: 1,
    lr: 0.1,
    optimizer: 'sgd',
    kind: 'sgd',
    level: 'LOW',
    model: {width: 2, inner: {depth: 3}, hidden: []},
    inner: {depth: 2},
    clip: null,
    decay: null,
    either: 1,
    sizes: [1, 2],
    pair: [1, 'a'],
    table: {a: 1.5},
    place: 'x/y',
    anything: null,
    untyped: -2,
    nesterov: false,
  });
  for (const wrong of [
    {seed: 1.5},
    {lr: 0},
    {lr: 2},
    {lr: '0.1'},
    {kind: 'SGD'},
    {level: 1},
    {model: {}},
    {model: {width: 1, heigth: 2}},
    {sizes: [1.5]},
    {pair: [1]},
    {table: {a: 'x'}},
    {nesterov: 1},
    {place: 1},
  ]) {
    assert.equal(
      params.safeParse({seed: 1, model: {width: 2}, ...wrong}).success,
      false,
      JSON.stringify(wrong),
    );
  }
});

test('values arrive as their types', {skip}, async () => {
  const {CliProject} = await import('./rig/cli-project.ts');
  using rig = new CliProject();
  rig.write(
    'stages/fit.py',
    `${WHOLE}    assert isinstance(model, Model) and model.inner == Inner(3) and model.hidden == [4], model
    assert kind is Kind.SAM and level is Level.HIGH and isinstance(lr, float) and pair == (1, "a")
    assert place == Path("x/y") and inner == Inner(2) and clip is None and isinstance(table["a"], float)
    assert isinstance(data, Path) and extra is None and isinstance(runs[0], Input) and runs[0].cell == {"n": 1}
    for name in ("weights", "log"):
        run.out(name).write_text("")
`,
  );
  rig.write(
    'pipelines/study.yaml',
    `pipeline: study
stages:
  data: {run: 'touch "$out/x"', out: {x: x}}
  cells: {run: 'touch "$out/x"', out: {x: x}, matrix: {n: [1, 2]}}
  fit:
    uses: fit
    in: {data: data, runs: {each: cells}}
    with: {seed: 1, lr: 1, kind: sam, level: HIGH, model: {width: 1, hidden: [4]}, table: {a: 1}}
`,
  );
  assert.deepEqual((await rig.execute('study')).ran, ['cells[n=1]', 'cells[n=2]', 'data', 'fit']);
});

test('mistakes of a signature have their place in the file', {skip}, async () => {
  const wrong = async (text: string): Promise<string> => {
    using project = new PythonProject({
      'stages/fit.py': `from pathlib import Path\nfrom pipe_stage import *\n\n${text}\n`,
    });
    return (await project.mistakes()).map(diagnostic => renderDiagnostic(diagnostic)).join('\n');
  };
  const positional = await wrong('@stage\ndef fit(data: Path, lr: float = 0.1):\n    pass');
  assert.match(positional, /expected an input before the star, got lr with a default/);
  assert.match(positional, /stages\/fit\.py:5:21/);
  assert.match(await wrong('@stage\ndef fit(lr: float):\n    pass'), /expected Path, Input, list\[Input\]/);
  assert.match(await wrong('@stage\ndef fit(*, a: int, **more):\n    pass'), /got \*\*more/);
  assert.match(
    await wrong('@stage(output={})\ndef fit():\n    pass'),
    /expected an option of @stage, got output/,
  );
  assert.match(
    await wrong('@stage(outputs={"a": "b"})\ndef fit():\n    pass'),
    /expected File\(…\) or Folder\(…\)/,
  );
  const continuing = (how: string): Promise<string> =>
    wrong(
      `@stage(outputs={"state": Folder(), "curve": File()}, continues=${how})\ndef fit(*, epochs: int, lr: float):\n    pass`,
    );
  assert.match(await continuing('3'), /expected Continues\(…\)/);
  assert.match(
    await continuing('Continues("epoch", "state")'),
    /expected a parameter of this stage to continue by, got 'epoch'[\s\S]*fit\.py:4:[\s\S]*known are epochs, lr/,
  );
  assert.match(
    await continuing('Continues("lr", "state")'),
    /expected a whole number to continue by, got lr/,
  );
  assert.match(await continuing('Continues("epochs", "curve")'), /an output that is a folder .*got 'curve'/);
  assert.match(await continuing('Continues("epochs", "state", {"x": 1})'), /parameters in when, got 'x'/);
  assert.match(
    await wrong('@stage\ndef a():\n    pass\n@stage\ndef b():\n    pass'),
    /expected one stage in a file, got a and b/,
  );
  assert.match(await wrong('@stage\nasync def a():\n    pass'), /expected a plain function/);
  assert.match(await wrong('def fit():\n    pass'), /expected a function with @stage/);
  assert.match(
    await wrong('@stage\ndef fit(*, f: print):\n    pass'),
    /expected a type that a pipeline can write for f/,
  );
  assert.match(
    await wrong('import nowhere\n@stage\ndef fit(*, f: nowhere.T):\n    pass'),
    /has to be imported[\s\S]*No module named 'nowhere'/,
  );
});

test('types from other modules are asked of the living function', {skip}, async () => {
  using project = new PythonProject({
    'stages/fit.py':
      'from pipe_stage import stage\nfrom lib.config import Config\n\n@stage\ndef fit(*, config: Config = Config()):\n    """Fits."""\n',
    'lib/config.py': 'from dataclasses import dataclass\n\n@dataclass\nclass Config:\n    depth: int = 3\n',
  });
  const {declaration} = await project.code();
  assert.deepEqual(declarationOf(declaration).params.parse({}), {config: {depth: 3}});
  // A new field of it is a new declaration.
  project.edit('lib/config.py', 'depth: int = 3', 'depth: int = 3\n    width: int = 4');
  assert.deepEqual(declarationOf((await project.code()).declaration).params.parse({}), {
    config: {depth: 3, width: 4},
  });
});

test('pydantic models check before anything runs', {skip: noModule('pydantic')}, async () => {
  const {CliProject} = await import('./rig/cli-project.ts');
  using rig = new CliProject();
  rig.write(
    'stages/fit.py',
    `from typing import Annotated, Literal
from pydantic import BaseModel, Field
from pipe_stage import stage

class Layer(BaseModel):
    width: int = Field(gt=0)
    kind: Literal["dense", "conv"] = "dense"

class Config(BaseModel):
    layers: list[Layer] = []
    rate: float = 0.1

@stage
def fit(*, config: Config, lr: Annotated[float, Field(gt=0)] = 0.1):
    """Fits."""
    assert isinstance(config.layers[0], Layer)
    return {"width": config.layers[0].width}
`,
  );
  const pipeline = (config: string): string =>
    `pipeline: study\nstages:\n  fit:\n    uses: fit\n    with: {config: ${config}}\n`;
  rig.write('pipelines/study.yaml', pipeline('{layers: [{width: 0, kind: desne, depht: 1}]}'));
  const said = await rig.pipe('run', 'study');
  const text = said.stdout + said.stderr;
  assert.match(text, /expected a whole number greater than 0 as config\.layers\.0\.width/);
  assert.match(text, /did you mean dense\?/);
  assert.match(text, /depht/);
  rig.write('pipelines/study.yaml', pipeline('{layers: [{width: 3}]}'));
  assert.deepEqual((await rig.execute('study')).digests(), {fit: '{"width":3}'});
});

test('type checkers accept what stages are written with', {skip: noModule('mypy')}, async () => {
  const {spawnSync} = await import('node:child_process');
  const python = resolve(import.meta.dirname, '../python');
  const file = join(import.meta.dirname, 'rig/typed_stage.py');
  const ended = spawnSync(
    'python3',
    ['-m', 'mypy', '--strict', '--no-incremental', '--cache-dir=/dev/null', file],
    {
      cwd: python,
      encoding: 'utf8',
    },
  );
  assert.match(ended.stdout, /Success/);
});
