// The house's walls: a file imports only from its own layer and from those that the table allows.

import assert from 'node:assert/strict';
import {readdirSync, readFileSync} from 'node:fs';
import {dirname, join, relative, resolve} from 'node:path';
import {test} from 'node:test';

const root = resolve(import.meta.dirname, '..');

/** What each layer may import, beside itself. CONTRIBUTING.md shows the same table to people. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  'src/core': [],
  'src/engine': [],
  'src/stage': ['src/core'],
  'src/spec': ['src/core'],
  'src/plan': ['src/core', 'src/stage', 'src/spec'],
  'src/action': ['src/core', 'src/stage', 'src/plan'],
  'src/host': ['src/core'],
  'src/python': ['src/core', 'src/host', 'src/stage', 'src/plan', 'src/action'],
  'src/store': ['src/core', 'src/host', 'src/stage', 'src/spec', 'src/plan', 'src/action'],
  'src/exec': ['src/core', 'src/host', 'src/stage', 'src/action'],
  'src/run': [
    'src/core',
    'src/host',
    'src/stage',
    'src/spec',
    'src/plan',
    'src/action',
    'src/store',
    'src/exec',
  ],
  'src/report': ['src/core', 'src/plan', 'src/action', 'src/run', 'src/stage'],
  stages: ['src/stage', 'src/engine', 'data'],
};

const layerOf = (file: string): string => {
  const [first = '', second = ''] = file.split('/');
  if (first !== 'src') return first;
  return second.endsWith('.ts') || second === 'cli' ? 'cli' : `src/${second}`;
};

const sourceFiles = (folder: string): string[] =>
  readdirSync(join(root, folder), {recursive: true, encoding: 'utf8'})
    .filter(name => name.endsWith('.ts'))
    .map(name => join(folder, name));

const importsOf = (file: string): string[] =>
  [...readFileSync(join(root, file), 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(
    ([, specifier]) => relative(root, resolve(root, dirname(file), specifier ?? '')),
  );

const files = [...sourceFiles('src'), ...sourceFiles('stages')];

test('every import goes down the table of layers', () => {
  const wrong = files.flatMap(file => {
    const from = layerOf(file);
    if (from === 'cli') return [];
    return importsOf(file)
      .filter(target => layerOf(target) !== from && !allowed[from]?.includes(layerOf(target)))
      .map(
        target => `${file} imports ${target}: ${from} may import ${allowed[from]?.join(', ') || 'nothing'}`,
      );
  });
  assert.deepEqual(wrong, []);
});

test('the table of layers covers every folder of src', () => {
  const folders = [...new Set(files.map(layerOf))].filter(layer => layer !== 'cli');
  assert.deepEqual(
    folders.filter(folder => allowed[folder] === undefined),
    [],
  );
});

test('no file imports itself in a circle', () => {
  const graph = new Map(files.map(file => [file, importsOf(file)]));
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  assert.deepEqual(circles, []);
});

/** Relative files and packages that a file imports before anything runs: without types, and without `import()`. */
const loadedBy = (file: string): string[] => {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/^(?:import|export)\s(?!type\s)([^;]*?)from '([^']+)';/gms)]
    .filter(([, names = '']) => !/^\{(?:\s*type \w+(?: as \w+)?,?)+\s*\}\s*$/.test(names))
    .map(([, , specifier = '']) =>
      specifier.startsWith('.') ? relative(root, resolve(root, dirname(file), specifier)) : specifier,
    );
};

test('a run in which nothing is to do loads no schemas, no parser and no executor of other machines', () => {
  const loaded = new Set(['src/cli.ts', 'src/cli/program.ts', 'src/cli/commands/run.ts']);
  for (const file of loaded) if (file.endsWith('.ts')) for (const next of loadedBy(file)) loaded.add(next);
  const heavy = /^(zod|yaml|esbuild|undici|keyv)$|^src\/(exec\/(fleet|queue|remote)|spec\/yaml)/;
  assert.ok(loaded.has('src/run/scheduler.ts'));
  assert.deepEqual(
    [...loaded].filter(file => heavy.test(file)),
    [],
  );
});

test('zod is imported as a namespace, so that a bundle holds what is used of it', () => {
  const wrong = files.filter(
    file =>
      file !== 'src/stage/define.ts' &&
      /import \{[^}]*\} from 'zod'/.test(readFileSync(join(root, file), 'utf8')),
  );
  assert.deepEqual(wrong, []);
});
