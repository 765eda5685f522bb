// The code digest of a Python stage: which files it covers, which edits change it, and what is said of the rest.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {noPython} from './rig/python.ts';
import {PythonProject, stageText} from './rig/python-project.ts';

const skip = noPython;

const filesOf = async (project: PythonProject, module?: string): Promise<string[]> =>
  Object.keys((await project.code(module)).files).sort();

test('modules are followed through every way of importing them', {skip}, async () => {
  using project = new PythonProject({
    'stages/fit.py': stageText(
      'import lib.lazy\n    from lib import name_of_module, value',
      'import top, lib.pkg.deep as deep',
    ),
    'top.py': 'from importlib import import_module\nimport_module("named")\n',
    'named.py': '__import__("old_style")\n',
    'old_style.py': '',
    'lib/__init__.py': 'value = 1\nfrom .relative import f\n',
    'lib/relative.py': 'from . import sibling\nfrom .pkg import *\n',
    'lib/sibling.py':
      'from importlib import import_module as load\nimport importlib\nimportlib.import_module(".late", package="lib")\n',
    'lib/late.py': 'from .. import beyond\n',
    'lib/lazy.py': 'try:\n    import fast_json\nexcept ImportError:\n    import slow_json\n',
    'slow_json.py': '',
    'lib/name_of_module.py': '',
    'lib/pkg/__init__.py': '__all__ = ["starred", "f"]\n',
    'lib/pkg/starred.py': '',
    'lib/pkg/deep.py': 'import space.inner\n',
    'lib/pkg/unused.py': '',
    'space/inner.py': '',
    'space/other.py': '',
    'stages/neighbour.py': '',
  });
  assert.deepEqual(await filesOf(project), [
    'lib/__init__.py',
    'lib/late.py',
    'lib/lazy.py',
    'lib/name_of_module.py',
    'lib/pkg/__init__.py',
    'lib/pkg/deep.py',
    'lib/pkg/starred.py',
    'lib/relative.py',
    'lib/sibling.py',
    'named.py',
    'old_style.py',
    'slow_json.py',
    'space/inner.py',
    'stages/fit.py',
    'top.py',
  ]);
  const {files, packages} = await project.code();
  assert.equal(files['lib/late.py']?.importedBy, 'lib/sibling.py');
  assert.equal(packages.fast_json, 'not installed');
  assert.match(packages.python ?? '', /^3\.\d+\.\d+$/);
});

test('neighbours of a stage are found, and hide no module of the standard library', {skip}, async () => {
  using project = new PythonProject({
    'stages/fit.py': stageText('', 'import select, random\nimport helpers'),
    'stages/helpers.py': 'from .again import x\n',
    'stages/select.py': stageText(''),
    'stages/again.py': '',
  });
  assert.deepEqual(await filesOf(project), ['stages/fit.py', 'stages/helpers.py']);
  project.edit('stages/fit.py', 'import helpers', 'from .helpers import x; from stages import again');
  assert.deepEqual(await filesOf(project), ['stages/again.py', 'stages/fit.py', 'stages/helpers.py']);
});

test('src layouts, configured folders and packages around the stage', {skip}, async () => {
  using project = new PythonProject({
    'pyproject.toml': '[project]\nname = "mine"\n',
    'src/mine/__init__.py': 'import other\n',
    'src/mine/train.py': stageText('', 'from .net import Net\nfrom mine.data import load'),
    'src/mine/net.py': '',
    'src/mine/data.py': '',
    'code/other.py': '',
  });
  const train = 'src/mine/train.py';
  assert.deepEqual(await filesOf(project, train), [
    'src/mine/__init__.py',
    'src/mine/data.py',
    'src/mine/net.py',
    train,
  ]);
  assert.equal((await project.code(train)).entry.name, 'mine.train');
  project.path = ['code'];
  assert.ok((await filesOf(project, train)).includes('code/other.py'));
});

test('what does not change what a file says changes nothing', {skip}, async () => {
  using project = new PythonProject({
    'stages/fit.py': stageText('return {"x": f(1, 2)}', 'from lib import f'),
    'lib.py': 'def f(a, b):\n    return a + b\n',
    'notes.py': '',
  });
  const {code} = await project.code();
  const same = async (text: string): Promise<void> => {
    project.write('lib.py', text);
    assert.equal((await project.code()).code, code, text);
  };
  await same('# how\ndef f(a, b):  # adds\n    return a + b\n');
  await same(
    '"""A module."""\n\n\ndef f(\n    a,\n    b,\n):\n    "Adds."\n    return (\n        a + b\n    )\n',
  );
  await same('def f(a, b): return a + b');
  project.write('notes.py', 'x = 1\n');
  project.write('unrelated/module.py', 'x = 1\n');
  assert.equal((await project.code()).code, code);
  project.write('lib.py', 'def f(a, b):\n    return a - b\n');
  assert.notEqual((await project.code()).code, code);
});

test('what only a type checker sees is neither imported nor counted', {skip}, async () => {
  const text = (inside: string): string =>
    stageText(
      '',
      `from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    ${inside}\nelse:\n    import lib`,
    );
  using project = new PythonProject({
    'stages/fit.py': text('import types_only'),
    'types_only.py': '',
    'lib.py': '',
  });
  const {code} = await project.code();
  assert.deepEqual(await filesOf(project), ['lib.py', 'stages/fit.py']);
  project.write('stages/fit.py', text('from types_only import T'));
  assert.equal((await project.code()).code, code);
});

test('a file that comes between is seen: a module may hide another', {skip}, async () => {
  using project = new PythonProject({
    'stages/fit.py': stageText('', 'import helpers'),
    'stages/helpers.py': '',
  });
  const {code} = await project.code();
  project.write('helpers.py', 'x = 1\n');
  assert.deepEqual(await filesOf(project), ['helpers.py', 'stages/fit.py']);
  assert.notEqual((await project.code()).code, code);
  project.remove('helpers.py');
  assert.equal((await project.code()).code, code);
});

test('computed imports are said once, with the way to declare them', {skip}, async () => {
  using project = new PythonProject({
    'stages/fit.py': stageText('import importlib\n    importlib.import_module(f"plugins.{1}")'),
    'plugins/__init__.py': '',
    'plugins/a.py': '',
    'plugins/deep/__init__.py': '',
    'plugins/deep/b.py': '',
  });
  await project.code();
  await project.code();
  assert.equal(project.notices.length, 1);
  assert.match(project.notices[0] ?? '', /^stages\/fit\.py:7 imports by a computed name .*@stage\(imports=/);
  project.edit('stages/fit.py', '@stage', '@stage(imports=["plugins.*"])');
  assert.deepEqual(await filesOf(project), [
    'plugins/__init__.py',
    'plugins/a.py',
    'plugins/deep/__init__.py',
    'plugins/deep/b.py',
    'stages/fit.py',
  ]);
  assert.equal(project.notices.length, 1);
});

test('syntax errors have their place, notebooks a hint, and a lock file counts where it is named', {
  skip,
}, async () => {
  using project = new PythonProject({
    'stages/fit.py': stageText('', 'import broken'),
    'broken.py': 'x = 1\ndef f(:\n    pass\n',
    'stages/book.ipynb': '{}',
  });
  const [broken] = await project.mistakes();
  assert.equal(broken?.code, 'stage-syntax');
  assert.equal(broken?.span?.file.path, 'broken.py');
  const [notebook] = await project.mistakes('stages/book.ipynb');
  assert.match(notebook?.hint ?? '', /nbconvert --to script book\.ipynb/);
  project.write('broken.py', '');
  project.edit('stages/fit.py', '@stage', '@stage(lock="uv.lock")');
  assert.match((await project.mistakes())[0]?.message ?? '', /lock file uv\.lock/);
  project.write('uv.lock', 'a');
  const {code} = await project.code();
  project.write('uv.lock', 'b');
  assert.notEqual((await project.code()).code, code);
});

test('while nothing has changed, no Python is started', {skip}, async () => {
  using project = new PythonProject({'stages/fit.py': stageText('', 'import lib'), 'lib.py': ''});
  const first = await project.code();
  // Starting Python would fail: its files are not there.
  project.packageRoot = '/nowhere';
  assert.deepEqual(await project.code(), first);
  project.write('lib.py', 'x = 1\n');
  await assert.rejects(project.code(), /did not answer/);
});

test('a module of the project that no path leads to is told with the line that mends it', {
  skip,
}, async () => {
  using project = new PythonProject({
    'stages/fit.py': stageText('import model.net, helper, wandb'),
    'example/model/net.py': 'import torch_is_not_here\n',
    'libs/helper.py': 'x = 1\n',
    'node_modules/wandb/wandb.py': '',
  });
  const before = await project.code();
  assert.deepEqual(project.notices, [
    'model is imported and found nowhere, but example/model is in the project: say `python_path: [example]` in pipe.config.yaml',
    'helper is imported and found nowhere, but libs/helper.py is in the project: say `python_path: [libs]` in pipe.config.yaml',
  ]);
  project.path = ['example', 'libs'];
  const after = await project.code();
  assert.equal(project.notices.length, 2);
  assert.deepEqual(Object.keys(after.files), [
    ...Object.keys(before.files),
    'example/model/net.py',
    'libs/helper.py',
  ]);
});

test('the folder in which a stage stands is not taken for the package that it imports', {skip}, async () => {
  using project = new PythonProject({'stages/notorch/fit.py': stageText('import notorch')});
  await project.code('stages/notorch/fit.py');
  assert.deepEqual(project.notices, []);
});
