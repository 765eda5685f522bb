// The pages of the manual, followed word by word: their files are written, their commands run, and what they say that is
// printed is printed. `…` stands for anything; times are not compared.

import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {chmodSync, readFileSync} from 'node:fs';
import {delimiter, join} from 'node:path';
import {test} from 'node:test';
import {CliProject, cli, packageRoot} from './rig/cli-project.ts';

const DURATION = /\b\d+(\.\d+)? ?(ms|s|min|h)\b/g;

interface Step {
  readonly command: string;
  readonly code: number;
  readonly said: readonly string[];
}

/** The commands of all `console` blocks, in order. */
function stepsOf(page: string): Step[] {
  const steps: Array<{command: string; code: number; said: string[]}> = [];
  for (const [, block = ''] of page.matchAll(/```console\n([\s\S]*?)```/g)) {
    for (const line of block.trimEnd().split('\n')) {
      const command = /^\$ (.*?)(?: +# exit code (\d+))?$/.exec(line);
      if (command !== null) steps.push({command: command[1] ?? '', code: Number(command[2] ?? 0), said: []});
      else steps.at(-1)?.said.push(line);
    }
  }
  return steps;
}

/** Lines in order; `…` alone on a line skips any number of them, within a line any text. */
function says(text: string, expected: readonly string[]): boolean {
  const pattern = expected
    .map(line => {
      if (line === '…') return '(?:.*\\n)*?';
      const parts = line.replace(DURATION, '…').trimEnd().split('…');
      return `${parts.map(part => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('.*')} *\\n`;
    })
    .join('');
  return new RegExp(`^${pattern}`).test(`${text.trimEnd()}\n`);
}

interface Said {
  readonly code: number | null;
  readonly text: string;
}

/** A shell in a project, in which `npx pipe` is the built command line. */
function shellIn(project: CliProject): (command: string) => Said {
  project.write('bin/npx', `#!/bin/sh\nshift\nexec "${process.execPath}" "${cli}" "$@"\n`);
  chmodSync(project.path('bin/npx'), 0o755);
  const path = `${project.path('bin')}${delimiter}${process.env.PATH}`;
  const env = {...process.env, PATH: path, NO_COLOR: '1', CI: '1'};
  return command => {
    const ended = spawnSync('bash', ['-c', `${command} 2>&1`], {cwd: project.folder, env, encoding: 'utf8'});
    return {code: ended.status, text: ended.stdout};
  };
}

/** A page of the manual, in a project of its own. */
function follow(name: string): void {
  const page = readFileSync(join(packageRoot, 'docs', name), 'utf8');
  using project = new CliProject();
  for (const [, path = '', body = ''] of page.matchAll(/<!-- file: (\S+) -->\n```\w+\n([\s\S]*?)```/g))
    project.write(path, body);
  const sh = shellIn(project);
  for (const {command, code, said} of stepsOf(page)) {
    const ended = sh(command);
    assert.equal(ended.code, code, `${command}\n${ended.text}`);
    assert.ok(
      said.length === 0 || says(ended.text, said),
      `${command}\nexpected\n${said.join('\n')}\ngot\n${ended.text}`,
    );
  }
}

for (const page of ['tutorial.md', 'your-own-stage.md', 'shell-stages.md']) {
  test(`every command of docs/${page} works as written`, () => follow(page));
}

/** Digits depend on the processor, widths on digits. */
const shapeOf = (line: string): string =>
  line
    .replace(/[+−-]?\d[\d.,]*/g, '#')
    .replace(/\s+/g, ' ')
    .trim();

test('the commands of README work in their order, and its table is the one that is printed', () => {
  const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8');
  using project = new CliProject();
  project.write(
    'pipelines/quickstart.yaml',
    readFileSync(join(packageRoot, 'pipelines/quickstart.yaml'), 'utf8'),
  );
  const sh = shellIn(project);
  const [, first = '', second = ''] = readme.split(/^```sh\n/m);
  const install = /npm ci && (npx pipe run [^#\n]*)/.exec(first)?.[1] ?? '';
  const run = sh(install);
  assert.equal(run.code, 0, run.text);
  const lines = run.text.split('\n').map(shapeOf);
  const table = /^```\n(SAM against SGD[\s\S]*?)```/m.exec(readme)?.[1] ?? '';
  const shown = table.split('\n').filter(line => line.startsWith('  ') && !line.includes('…'));
  assert.ok(shown.length >= 6);
  for (const line of shown) {
    // What is wide loses its last columns in README.
    const isSaid = lines.some(printed => printed.startsWith(shapeOf(line)));
    assert.ok(isSaid, `${line}\nis not in\n${run.text}`);
  }
  const commands = second
    .slice(0, second.indexOf('```'))
    .trim()
    .split('\n')
    .map(line => line.replace(/ +#.*$/, ''));
  assert.ok(commands.length >= 6);
  for (const command of commands) {
    const {code, text} = sh(command);
    assert.equal(code, command.startsWith('npx pipe plan') ? 10 : 0, `${command}\n${text}`);
  }
});
