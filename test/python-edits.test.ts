// Edits of a project, each held against what must run again: what a stage imports in whatever way counts, and nothing else.

import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';
import {noPython} from './rig/python.ts';
import {PythonProject} from './rig/python-project.ts';

const FILES: Readonly<Record<string, string>> = {
  'pyproject.toml': '[project]\nname = "study"\n',
  'stages/fit.py': `"""Fits."""
from __future__ import annotations
from typing import TYPE_CHECKING
import importlib
from importlib import import_module as load
import runpy
import direct, pkg.inner.leaf as leaf, circular_a, space.part, in_src.core
from star import *
from pkg import reexported, CONSTANT
from pipe_stage import stage
if TYPE_CHECKING:
    import only_types
else:
    import only_at_run
try:
    import fast
except ImportError:
    import slow
if load.__name__ == "never":
    import conditional

@stage
def fit(*, lr: float = 0.1):
    """Fits it."""
    import lazy
    importlib.import_module("constant")
    load("aliased")
    runpy.run_module("ran")
    class Inner:
        import nested
    return {"x": lr}
`,
  'stages/other.py': 'from pipe_stage import stage\nimport unrelated\n\n@stage\ndef other():\n    pass\n',
  'direct.py': 'import deep_1\nvalue = 1\n',
  'deep_1.py': 'import deep_2\n',
  'deep_2.py': 'def f():\n    import deep_3\n',
  'deep_3.py': 'def g():\n    """Documents."""\n    # a comment\n    return 1 + 2\n',
  'pkg/__init__.py': 'from .impl import reexported\nCONSTANT = 1\n',
  'pkg/impl.py': 'from .beyond import x\ndef reexported():\n    pass\n',
  'pkg/beyond.py': 'x = 1\n',
  'pkg/unused.py': 'x = 1\n',
  'pkg/inner/__init__.py': 'x = 1\n',
  'pkg/inner/leaf.py': 'from .. import sibling\n',
  'pkg/sibling.py': 'x = 1\n',
  'pkg/data.json': '{}',
  'pkg/impl.pyi': 'def reexported() -> None: ...\n',
  'circular_a.py': 'import circular_b\n',
  'circular_b.py': 'import circular_a\nx = 1\n',
  'space/part.py': 'x = 1\n',
  'space/other.py': 'x = 1\n',
  'src/in_src/__init__.py': '',
  'src/in_src/core.py': 'x = 1\n',
  'star.py': 'x = 1\n',
  'only_types.py': 'x = 1\n',
  'only_at_run.py': 'x = 1\n',
  'slow.py': 'x = 1\n',
  'conditional.py': 'x = 1\n',
  'lazy.py': 'x = 1\n',
  'constant.py': 'x = 1\n',
  'aliased.py': 'x = 1\n',
  'ran.py': 'x = 1\n',
  'nested.py': 'x = 1\n',
  'unrelated.py': 'x = 1\n',
  'README.md': '# A study\n',
};

interface Edit {
  readonly what: string;
  readonly path: string;
  /** `null` removes the file. */
  readonly text: string | null;
  readonly counts: boolean;
}

const addedTo = (path: string, counts: boolean, text = 'y = 2\n'): Edit => ({
  what: `a line in ${path}`,
  path,
  text: `${FILES[path] ?? ''}${text}`,
  counts,
});
const replacedIn = (what: string, path: string, from: string, to: string, counts: boolean): Edit => ({
  what,
  path,
  text: (FILES[path] ?? '').replace(from, to),
  counts,
});

const COUNT = [
  ...['direct.py', 'deep_1.py', 'deep_2.py', 'deep_3.py', 'pkg/__init__.py', 'pkg/impl.py', 'pkg/beyond.py'],
  ...['pkg/inner/__init__.py', 'pkg/inner/leaf.py', 'pkg/sibling.py', 'circular_a.py', 'circular_b.py'],
  ...[
    'space/part.py',
    'src/in_src/core.py',
    'star.py',
    'only_at_run.py',
    'slow.py',
    'conditional.py',
    'lazy.py',
  ],
  ...['constant.py', 'aliased.py', 'ran.py', 'nested.py'],
];
const DO_NOT = ['pkg/unused.py', 'space/other.py', 'only_types.py', 'unrelated.py', 'stages/other.py'];

const EDITS: readonly Edit[] = [
  ...COUNT.map(path => addedTo(path, true)),
  ...DO_NOT.map(path => addedTo(path, false)),
  addedTo('pkg/data.json', false, ' '),
  addedTo('pkg/impl.pyi', false),
  addedTo('README.md', false),
  replacedIn('a comment', 'deep_3.py', '# a comment', '# another', false),
  replacedIn('a docstring', 'deep_3.py', 'Documents.', 'Says more.', false),
  replacedIn('formatting', 'deep_3.py', '1 + 2', '(1\n        +2)', false),
  replacedIn('quotes', 'stages/fit.py', '"constant"', "'constant'", false),
  replacedIn('a number', 'deep_3.py', '1 + 2', '1 + 3', true),
  replacedIn('a type of an int', 'deep_3.py', '1 + 2', '1 + 2.0', true),
  replacedIn('a default', 'stages/fit.py', 'lr: float = 0.1', 'lr: float = 0.2', true),
  replacedIn('a name that is imported no more', 'deep_1.py', 'import deep_2\n', '', true),
  {
    what: 'a module that hides an installed one',
    path: 'typing_extensions.py',
    text: 'x = 1\n',
    counts: false,
  },
  {
    what: 'a module that hides one of the standard library',
    path: 'runpy.py',
    text: 'run_module = print\n',
    counts: true,
  },
  {what: 'an optional module that comes', path: 'fast.py', text: 'x = 1\n', counts: true},
  {what: 'a package beside a module of its name', path: 'lazy/__init__.py', text: 'x = 1\n', counts: true},
  {what: 'a namespace that becomes a package', path: 'space/__init__.py', text: '', counts: true},
  {what: 'a package whose __init__ goes', path: 'pkg/inner/__init__.py', text: null, counts: true},
  {what: 'a module that goes', path: 'deep_3.py', text: null, counts: true},
];

let project: PythonProject | undefined;
before(() => {
  if (noPython === false) project = new PythonProject(FILES);
});
after(() => project?.[Symbol.dispose]());

test('each edit runs again what imports it, and nothing else', {skip: noPython}, async () => {
  assert.ok(project !== undefined);
  const first = (await project.code()).code;
  const wrong: string[] = [];
  for (const {what, path, text, counts} of EDITS) {
    if (text === null) project.remove(path);
    else project.write(path, text);
    const {code} = await project.code();
    if ((code !== first) !== counts) wrong.push(`${what}: ${counts ? 'did not count' : 'counted'}`);
    const before = FILES[path];
    if (before === undefined) project.remove(path);
    else project.write(path, before);
  }
  assert.deepEqual(wrong, []);
  assert.equal((await project.code()).code, first);
});
