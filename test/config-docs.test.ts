// Every setting that is read is in the manual, and the manual's example is read.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {KEYS} from '../src/cli/config.ts';
import {CliProject, packageRoot} from './rig/cli-project.ts';

const page = readFileSync(join(packageRoot, 'docs/configuration.md'), 'utf8');
const example = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';

test('the page of settings has every key', () => {
  const missing = KEYS.filter(key => !new RegExp(`^${key}:`, 'm').test(example));
  assert.deepEqual(missing, []);
});

test('the example of the page has no mistake', async () => {
  using project = new CliProject('pipeline: study\nstages:\n  a: {run: "echo hi"}\n');
  project.write('pipe.config.yaml', example);
  const ended = await project.pipe('show', 'study', 'a');
  assert.doesNotMatch(ended.stderr + ended.stdout, /pipe\.config\.yaml:\d/);
});
