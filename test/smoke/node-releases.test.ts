// The quickstart runs on the current long-term releases of Node, whose binaries npm's package `node` carries.

import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {cpSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {after, test} from 'node:test';
import {promisify} from 'node:util';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const base = mkdtempSync(join(tmpdir(), 'pipe-node-'));
after(() => rmSync(base, {recursive: true, force: true}));

for (const release of ['22', '24']) {
  test(`Node ${release} runs the quickstart, and again from the cache`, {timeout: 300_000}, async () => {
    const home = join(base, release);
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefix', home, `node@${release}`]);
    const node = join(home, 'node_modules/.bin/node');
    const {stdout: version} = await run(node, ['--version']);
    assert.match(version, new RegExp(`^v${release}\\.`));

    const project = join(base, `project-${release}`);
    cpSync(join(root, 'pipelines'), join(project, 'pipelines'), {recursive: true});
    const pipe = (...args: string[]) => run(node, [join(root, 'dist/cli.js'), ...args], {cwd: project});
    const profile = ['--profile', 'smoke'];
    await pipe('run', 'pipelines/quickstart.yaml', ...profile);
    const {stdout: plan} = await pipe('plan', 'pipelines/quickstart.yaml', ...profile);
    assert.match(plan, /nothing to (do|run)/i);
  });
}
