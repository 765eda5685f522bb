// Completion in the real shells, on a pseudo-terminal: keys go in, and the command that the shell then runs comes out.
// Shells that are not installed are skipped.

import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {chmodSync} from 'node:fs';
import {delimiter} from 'node:path';
import {test} from 'node:test';
import {CliProject, cli} from './rig/cli-project.ts';

const STUDY = `
pipeline: study
params: {epochs: 5, seeds: [1, 2]}
profiles:
  quick: {epochs: 1}
stages:
  train:
    run: echo > "$out/a"
    matrix: {optimizer: [sgd, sam], seed: "\${seeds}"}
    with: {epochs: "\${epochs}"}
    out: {weights: a}
  gather:
    run: echo > "$out/b"
    in: {all: {each: train}}
    out: {table: b}
`;

/** A project with a command \`pipe\` that completes as the real one, and otherwise says what it was called with. */
function completingProject(): CliProject {
  const project = new CliProject(STUDY);
  project.write(
    'bin/pipe',
    `#!/bin/sh
case "$1" in
  __complete | completion) exec "${process.execPath}" "${cli}" "$@" ;;
esac
printf 'GOT'
for word in "$@"; do printf ' <%s>' "$word"; done
echo
`,
  );
  chmodSync(project.path('bin/pipe'), 0o755);
  return project;
}

const isInstalled = (program: string, ...args: string[]): boolean => {
  try {
    execFileSync(program, args, {stdio: 'ignore'});
    return true;
  } catch {
    return false;
  }
};

const hasTerminal = process.platform === 'linux' && isInstalled('script', '--version');

interface Shell {
  readonly name: string;
  readonly command: string;
  readonly setup: string;
}

const SHELLS: readonly Shell[] = [
  {
    name: 'bash',
    command: 'bash --norc --noprofile -i',
    setup: "bind 'set bell-style none'; source <(pipe completion bash); PS1='REA''DY>'\n",
  },
  {
    name: 'zsh',
    command: 'zsh -f -i',
    setup: 'autoload -U compinit; compinit -u -D; ' + "source <(pipe completion zsh); PS1='REA''DY>'\n",
  },
];

/** What \`pipe\` is called with after the keys of each line; \`keys\` without the final return. */
async function type(project: CliProject, shell: Shell, lines: readonly string[]): Promise<string[]> {
  const env = {
    ...process.env,
    PATH: `${project.path('bin')}${delimiter}${process.env.PATH}`,
    TERM: 'xterm',
    HOME: project.folder,
    COLUMNS: '200',
  };
  const child = spawn('script', ['-q', '-e', '-c', shell.command, '/dev/null'], {
    cwd: project.folder,
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  let onPrompt: () => void = () => {};
  const prompts = (): number => text.split('READY>').length - 1;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    onPrompt();
  });
  const closed = new Promise<void>(done => child.once('close', () => done()));
  /** Shells draw a prompt anew while they complete; each line here ends in a GOT. */
  const until = (isThere: () => boolean): Promise<void> =>
    Promise.race([
      new Promise<void>(done => {
        onPrompt = () => {
          if (isThere()) done();
        };
        onPrompt();
      }),
      closed.then(() => assert.fail(`the shell ended:\n${text}`)),
    ]);
  const answers = (): string[] => [...text.matchAll(/^GOT (.*)$/gm)].map(([, words = '']) => words.trim());
  // A shell that hangs is a failure that says what is on its screen.
  const limit = setTimeout(() => child.kill(), 40_000);
  void closed.then(() => clearTimeout(limit));
  child.stdin.write(shell.setup);
  await until(() => prompts() > 0);
  for (const [index, line] of lines.entries()) {
    child.stdin.write(`${line}\r`);
    await until(
      () => answers().length > index && /GOT[^\n]*\n[\s\S]*READY>/.test(text.slice(text.lastIndexOf('GOT'))),
    );
  }
  child.stdin.write('exit\r');
  await closed;
  return answers();
}

for (const shell of SHELLS) {
  const skip = hasTerminal && isInstalled(shell.name, '--version') ? false : `no ${shell.name} or no script`;
  test(`${shell.name} completes commands, files, stages, options, values`, {
    skip,
    timeout: 60_000,
  }, async () => {
    using project = completingProject();
    const answers = await type(project, shell, [
      'pipe repr\t',
      'pipe run stu\t',
      'pipe run study gat\t',
      'pipe run study --prof\tqu\t',
      'pipe run study --set ep\t7',
      'pipe run study --fail\t',
      'pipe get study gather ta\t',
    ]);
    assert.deepEqual(
      answers.map(words => words.replaceAll("'", '')),
      [
        '<reproduce>',
        '<run> <study>',
        '<run> <study> <gather>',
        '<run> <study> <--profile> <quick>',
        '<run> <study> <--set> <epochs=7>',
        '<run> <study> <--fail-fast>',
        '<get> <study> <gather> <table>',
      ],
    );
  });
}

test('fish completes commands, files, stages, options, values', {
  skip: isInstalled('fish', '--version') ? false : 'no fish',
}, () => {
  using project = completingProject();
  const complete = (line: string): string[] => {
    const script = `pipe completion fish | source; complete -C '${line}'`;
    const env = {...process.env, PATH: `${project.path('bin')}:${process.env.PATH}`, HOME: project.folder};
    const out = execFileSync('fish', ['--no-config', '-c', script], {
      cwd: project.folder,
      env,
      encoding: 'utf8',
    });
    return out
      .split('\n')
      .filter(text => text !== '')
      .map(text => text.split('\t')[0] ?? '');
  };
  assert.deepEqual(complete('pipe repr'), ['reproduce']);
  assert.deepEqual(complete('pipe run study gat'), ['gather']);
  assert.deepEqual(complete('pipe run study --prof'), ['--profile']);
  assert.deepEqual(complete('pipe run study --profile '), ['quick']);
  assert.deepEqual(complete('pipe run study --set '), ['epochs=', 'seeds=']);
  assert.deepEqual(complete('pipe run study --device w'), ['webgpu']);
});

test('the candidates narrow down axis by axis, and mistakes give none', async () => {
  using project = completingProject();
  const complete = async (line: string): Promise<string[]> => {
    const {code, stdout, stderr} = await project.pipe('__complete', 'fish', '', line);
    assert.equal(code, 0);
    assert.equal(stderr, '');
    return stdout.split('\n').filter(text => text !== '');
  };
  assert.deepEqual(await complete('pipe run study train'), ['train[']);
  assert.deepEqual(await complete('pipe run study train['), ['train[optimizer=', 'train[seed=']);
  assert.deepEqual(await complete('pipe run study train[optimizer=sam,'), ['train[optimizer=sam,seed=']);
  assert.deepEqual(await complete('pipe run study train[optimizer=sam,seed='), [
    'train[optimizer=sam,seed=1]',
    'train[optimizer=sam,seed=2]',
  ]);
  assert.deepEqual(await complete('pipe run study --only tra'), ['train']);
  project.write('pipelines/study.yaml', 'stages: [');
  assert.deepEqual(await complete('pipe run study tra'), []);
});
