// Installing runs no script of a dependency, under npm of any age and without a network beyond the registry.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';

interface Locked {
  readonly packages: Readonly<Record<string, {readonly hasInstallScript?: boolean}>>;
}

const root = join(import.meta.dirname, '..');
const parse = (file: string): unknown => JSON.parse(readFileSync(join(root, file), 'utf8'));
const nameOf = (path: string): string =>
  path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

test('newer npm knows of every install script that it is not to run it', () => {
  const {packages} = parse('package-lock.json') as Locked;
  const {allowScripts} = parse('package.json') as {allowScripts: Record<string, boolean>};
  const withScripts = Object.keys(packages).filter(path => packages[path]?.hasInstallScript === true);
  const unanswered = withScripts
    .map(nameOf)
    .filter(name => allowScripts[name] !== false && name !== 'fsevents');
  assert.deepEqual(unanswered, [], 'run: npm install-scripts deny --all');
});

test('older npm does not learn of the script of ONNX Runtime, which fetches CUDA libraries from elsewhere', () => {
  const {packages} = parse('package-lock.json') as Locked;
  const locked = packages['node_modules/onnxruntime-node'];
  assert.ok(locked, 'onnxruntime-node is locked');
  assert.equal(
    locked.hasInstallScript,
    undefined,
    'take the line "hasInstallScript": true of onnxruntime-node out of package-lock.json: npm wrote it again',
  );
});
