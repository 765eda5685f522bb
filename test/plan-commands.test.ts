// What a shell command says of itself before it runs: variables that nothing sets, and files that nothing tracks.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {loadStages} from '../src/plan/catalogue.ts';
import {findWarnings} from '../src/plan/warnings.ts';
import {readPipeline} from '../src/spec/read-pipeline.ts';
import {readVariables, wordsLikePaths} from '../src/spec/shell-text.ts';
import {catalogue, drawAll, mistakesOf, mustPlan, project} from './rig/pipelines.ts';

const namesIn = (command: string): string[] => readVariables(command).map(({name}) => name);

test('the variables that a command reads are those that the shell would expand', () => {
  assert.deepEqual(namesIn(`fit --lr "$lr" --seed \${seed} $lr`), ['lr', 'seed']);
  assert.deepEqual(namesIn(`awk '{print $n}' "it's $a" \\$b`), ['a']);
  assert.deepEqual(namesIn(`echo "a 'quoted $x' # $y" # $z`), ['x', 'y']);
  assert.deepEqual(namesIn(`echo \${a:-1} \${b-1} \${c:=1} \${d:?no} \${e#x} \${f%.*} \${g}`), [
    'e',
    'f',
    'g',
  ]);
  assert.deepEqual(namesIn('x=1; echo $x; for f in *; do echo "$f"; done; read -r line; echo $line'), []);
  assert.deepEqual(namesIn(`cat <<'END'\n$no\nEND\necho $yes`), ['yes']);
  assert.deepEqual(namesIn('cat <<END\n$yes\nEND\n'), ['yes']);
  assert.deepEqual(namesIn('fit --lr=$lr --name=$name'), ['lr', 'name']);
  assert.deepEqual(namesIn('echo $1 $? $$ $(date) $((1+2))'), []);
});

test('words that may be paths are those with a dot or a slash that no variable begins', () => {
  assert.deepEqual(wordsLikePaths('python tools/prepare.py --rate 0.1 "$out/x.json" ./run.sh > $out_a'), [
    'tools/prepare.py',
    'run.sh',
  ]);
  assert.deepEqual(wordsLikePaths(`node -p "require('./a.json')" /etc/hosts ../up.txt data/*.csv ~/x.y`), [
    'a.json',
  ]);
  assert.deepEqual(wordsLikePaths(`cat \${out}/t.md "$in_x"/u.md`), []);
  const writes =
    'echo 1 > conf/a.yaml\nln -s "$in_x" data/b.csv\ncp c.json ./d.json && fit --conf conf/a.yaml data/b.csv e.py';
  assert.deepEqual(wordsLikePaths(writes), ['c.json', 'e.py']);
});

test('a parameter of the pipeline that a command reads and does not get is a mistake with the words to add', async () => {
  const mistakes = await mistakesOf(`pipeline: p
params: {lr: 0.1, epochs: 3}
stages:
  fit: {run: 'fit --lr "$lr" --epochs $epochs', with: {epochs: "\${epochs}"}}
  near: {run: 'fit \${epcohs}', with: {epochs: "\${epochs}"}}
`);
  assert.equal(
    drawAll(mistakes),
    `error[unset-variable]: expected $lr to be a parameter of the stage, got one of the pipeline
   --> pipelines/test.yaml:4:25
  4 |   fit: {run: 'fit --lr "$lr" --epochs $epochs', with: {epochs: "\${epochs}"}}
    |                         ^^^
  help: pass it: with: {lr: "\${lr}"}

error[unset-variable]: expected a variable that the command has, got \${epcohs}
   --> pipelines/test.yaml:5:20
  5 |   near: {run: 'fit \${epcohs}', with: {epochs: "\${epochs}"}}
    |                    ^^^^^^^^^
  help: did you mean $epochs?`,
  );
  await mustPlan(`pipeline: p
params: {lr: 0.1}
stages:
  a: {run: 'lr=3; echo $lr $out $in_b $HOME $cpus', matrix: {x: [1]}}
  b: {run: 'echo $lr', matrix: {lr: [1, 2]}}
  c: {run: 'echo $lr', env: [lr]}
`);
});

test('a parameter that nothing refers to, and a file that nothing tracks, are warnings with the line to add', async () => {
  const text = `pipeline: p
params: {lr: 0.1, net: {depth: 1}, unused: 1}
stages:
  a: {run: 'python tools/a.py tools/b.py tools/c/d.py tools/e.csv "$lr" x/y', code: [tools/b.py, "tools/c/*"], files: [tools/e.csv], with: {lr: "\${lr}", d: "\${net.depth}"}}
`;
  const spec = await readPipeline({path: 'pipelines/test.yaml', text});
  assert.ok(spec.ok);
  await loadStages(spec.value, catalogue);
  assert.equal(
    drawAll(findWarnings(spec.value, project)),
    `warning[unused-parameter]: the parameter unused is declared, and no stage refers to it
   --> pipelines/test.yaml:2:36
  2 | params: {lr: 0.1, net: {depth: 1}, unused: 1}
    |                                    ^^^^^^
  help: use it as a whole value, "\${unused}", or remove it

warning[untracked-file]: expected the files of the project that a command names to be declared, got tools/a.py, which is not there for it
   --> pipelines/test.yaml:4:20
  4 |   a: {run: 'python tools/a.py tools/b.py tools/c/d.py tools/e.csv "$lr" x/y', code: [tools/b.py, "tools/c/*"], files: [tools/e.csv], with: {lr: "\${lr}", d: "\${n…
    |                    ^^^^^^^^^^
  help: add it: code: [tools/b.py, tools/c/*, tools/a.py] (or under \`files\`, where it is data)`,
  );
});

test('a glob that matches nothing is a mistake before anything runs', async () => {
  const mistakes = await mistakesOf(
    'pipeline: p\nstages:\n  a: {run: x, files: ["missing/*.csv", "!a"], code: "src/**/*.py"}\n',
  );
  assert.deepEqual(
    mistakes.map(({message}) => message),
    ["expected files or folders of the project, got 'missing/*.csv', which matches nothing"],
  );
});

test('text that YAML takes apart gets a word on quotes', async () => {
  const said = async (stage: string): Promise<string[]> =>
    (await mistakesOf(`pipeline: p\nstages:\n  a: ${stage}\n`)).map(
      ({message, hint}) => `${message}; ${hint}`,
    );
  assert.match(
    (await said('{run: echo x[1], y[2]}'))[0] ?? '',
    /^expected text in quotes where it holds \[, got it without; .*'echo x\[1\], y\[2\]'/,
  );
  assert.match(
    (await said('{run: echo a, b > x}'))[0] ?? '',
    /^expected a key of a stage, got 'b > x'; a comma inside of \{ \} ends a value/,
  );
});
