// Bundles on the disk: what runs is what was hashed, whatever happens to the files in between, and the packages of a
// bundle may be those of another place.

import assert from 'node:assert/strict';
import {chmodSync, cpSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {pathToFileURL} from 'node:url';
import {placesIn} from '../src/action/package-places.ts';
import {openWorkspace} from '../src/cli/workspace.ts';
import {ProjectRig, packageRoot, shellIn} from './rig/project-rig.ts';

const STAGE = `import {value} from 'dependency';
export default {about: '', value};
`;

async function openProject() {
  const rig = new ProjectRig();
  rig.write('stages/work.ts', STAGE);
  rig.write(
    'node_modules/dependency/package.json',
    '{"name": "dependency", "version": "1.2.3", "main": "./main.js"}',
  );
  rig.write('node_modules/dependency/main.js', 'exports.value = 1;\n');
  const workspace = await openWorkspace(shellIn(rig.project), rig.project);
  const module = rig.path('stages/work.ts');
  const code = await workspace.code.digest(module);
  assert.ok(code.ok);
  return {rig, workspace, module, code: code.value};
}

const valueAt = async (entry: string): Promise<unknown> =>
  ((await import(`${pathToFileURL(entry).href}?${Math.random()}`)) as {default: {value: unknown}}).default
    .value;

test('a bundle that was edited on the disk is made anew before it is used', async () => {
  const {rig, workspace, module, code} = await openProject();
  await using _ = rig;
  const first = await workspace.code.entryOfModule(code, module);
  assert.ok(first.ok);
  const {size} = statSync(first.value);
  chmodSync(first.value, 0o644);
  writeFileSync(first.value, 'x'.repeat(size));
  const second = await workspace.code.entryOfModule(code, module);
  assert.deepEqual(second, first);
  assert.equal(await valueAt(first.value), 1);
  // A link that leads elsewhere is as bad as an edit.
  rig.write('other/package.json', '{"name": "dependency", "version": "1.2.3", "main": "./main.js"}');
  rig.write('other/main.js', 'exports.value = 2;\n');
  const link = join(first.value, '../node_modules/dependency');
  rmSync(link);
  cpSync(rig.path('other'), link, {recursive: true});
  assert.deepEqual(await workspace.code.entryOfModule(code, module), first);
  assert.equal(realpathSync(link), rig.path('node_modules/dependency'));
});

test('a bundle whose blobs a sweep removed meanwhile is made again', async () => {
  const {rig, workspace, module, code} = await openProject();
  await using _ = rig;
  for (const folder of readdirSync(rig.path('cache/blobs'))) {
    rmSync(rig.path(`cache/blobs/${folder}`), {recursive: true});
  }
  const entry = await workspace.code.entryOfModule(code, module);
  assert.ok(entry.ok, JSON.stringify(entry));
  assert.equal(await valueAt(entry.value), 1);

  for (const folder of readdirSync(rig.path('cache/blobs'))) {
    rmSync(rig.path(`cache/blobs/${folder}`), {recursive: true});
  }
  rmSync(rig.path('cache/code'), {recursive: true});
  rig.write('stages/work.ts', STAGE.replace('value}', 'value: value + 1}'));
  const changed = await workspace.code.entryOfModule(code, module);
  assert.ok(!changed.ok && changed.error.reason === 'mistake');
  assert.match(changed.error.message, /stages\/work\.ts was edited/);
});

test('the packages of a bundle may come from an install root, and have to be there in their versions', async () => {
  const {rig, workspace, code} = await openProject();
  await using _ = rig;
  const roots = {project: rig.path('install'), pipe: packageRoot};
  const none = placesIn(code.links, {...roots, project: '/nowhere'});
  assert.ok(!none.ok);
  assert.deepEqual(
    none.error.map(({message}) => message),
    ['expected the package dependency 1.2.3 in /nowhere, got none'],
  );
  const manifest = (version: string): string =>
    JSON.stringify({name: 'dependency', version, main: './main.js'});
  rig.write('install/node_modules/dependency/package.json', manifest('1.2.4'));
  rig.write('install/node_modules/dependency/main.js', 'exports.value = 7;\n');
  const other = placesIn(code.links, roots);
  assert.ok(!other.ok);
  assert.match(other.error[0]?.message ?? '', /expected the package dependency 1\.2\.3 in .*, got 1\.2\.4/);
  rig.write('install/node_modules/dependency/package.json', manifest('1.2.3'));
  const places = placesIn(code.links, roots);
  assert.ok(places.ok);
  const entry = workspace.code.shelf.materialise(code, places.value);
  assert.ok(entry.ok);
  assert.equal(await valueAt(entry.value), 7);
});
