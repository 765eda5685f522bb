// Several pipelines in one command.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';

const one = (name: string, command: string): string =>
  `pipeline: ${name}\nstages:\n  it: {run: '${command}'}\n`;

test('a folder or several files are run one after the other; what is wrong with one leaves the others alone', async () => {
  using project = new CliProject();
  project.write('pipelines/a.yaml', one('a', 'echo a'));
  project.write('pipelines/b.yaml', 'pipeline: b\nstages:\n  it: {rum: x}\n');
  project.write('pipelines/c.yaml', one('c', 'exit 3'));
  project.write('pipelines/d.yaml', one('d', 'echo d'));
  project.write('pipelines/README.md', 'none\n');
  const all = await project.pipe('run', 'pipelines/');
  assert.equal(all.code, 2, 'the first that went wrong');
  assert.match(
    all.stderr,
    /pipelines\/a\.yaml:\n.*pipelines\/b\.yaml:\nerror\[unknown-key\].*pipelines\/d\.yaml:\n/s,
  );
  assert.equal(all.stdout.match(/✓ 1 executed/g)?.length, 2);
  const two = await project.expect(0, 'run', 'pipelines/a.yaml', 'pipelines/d.yaml');
  assert.equal(two.match(/nothing to do/g)?.length, 2);
  assert.equal((await project.pipe('run', 'pipelines', '--fail-fast')).code, 2);
  assert.equal((await project.pipe('plan', 'pipelines/a.yaml', 'pipelines/c.yaml')).code, 10);
  assert.equal((await project.pipe('run', 'pipelines/a.yaml', 'pipelines/d.yaml', '--dry-run')).code, 0);
});

test('a folder of one pipeline is that pipeline; elsewhere a folder is a mistake that says what is in it', async () => {
  using project = new CliProject(one('study', 'echo a'));
  assert.match(await project.expect(0, 'run', 'pipelines', 'it'), /1 executed/);
  project.write('pipelines/other.yaml', one('other', 'echo a'));
  project.write('results/x.txt', '');
  for (const args of [
    ['show', 'pipelines'],
    ['run', 'pipelines', 'it'],
    ['run', 'pipelines', '--only', 'it'],
    ['run', 'pipelines', '--watch'],
  ]) {
    const said = await project.pipe(...args);
    assert.equal(said.code, 2, args.join(' '));
    assert.match(
      said.stderr,
      /error\[several-pipelines\]: expected (?:a pipeline file, got the folder|one pipeline with)/,
    );
    assert.match(said.stderr, /name one of pipelines\/other\.yaml, pipelines\/study\.yaml/);
  }
  assert.match(
    (await project.pipe('run', 'results/')).stderr,
    /expected a pipeline file, got the folder results\//,
  );
});
