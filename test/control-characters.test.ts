// Texts of others that would be obeyed instead of seen: control sequences, marks that turn the direction of reading. No
// command lets one through, whatever it stands in.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {CliProject} from './rig/cli-project.ts';

const EVIL = '\u001b[31mred\u0007\u202egpj\u009b2J';
/** As YAML and JavaScript write it. */
const WRITTEN = '\\u001b[31mred\\u0007\\u202egpj\\u009b2J';
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

const PIPELINE = `pipeline: study
about: "asks ${WRITTEN}"
params: {"p": "${WRITTEN}"}
stages:
  make:
    about: "makes ${WRITTEN}"
    uses: ./stages/make.ts
    matrix: {kind: ["a", "b"]}
    with: {text: "\${p}"}
  shell:
    run: |
      printf 'log \\033[31mred \\302\\2332J\\n'
      echo x > "$out_x"
    out: {x: x.txt}
    matrix: {kind: ["a", "b"]}
    publish: results/study
  fails:
    run: "printf 'bad \\\\033[31mred\\\\n'; exit 3 # ${WRITTEN}"
    in: {each: {each: make}}
  odd:
    run: |
      echo '{"m${WRITTEN}": 1}' > "$metrics"
  best:
    uses: select
    in: {runs: {each: make}}
    with: {metric: "score", goal: max}
`;

const MAKE = `import {writeFileSync} from 'node:fs';
import {defineStage, z} from 'pipe-ml/stage';
export default defineStage({
  about: 'Makes ${WRITTEN}.',
  params: z.object({kind: z.string(), text: z.string()}),
  inputs: {},
  outputs: {curve: 'file'},
  run({params, outputs, metric, log, progress}) {
    progress({done: 1, total: 1, unit: 'u${WRITTEN}', detail: '${WRITTEN}'});
    log('said ' + params.text);
    metric('score', params.kind.length);
    writeFileSync(outputs.curve, 'epoch,lr\\r\\n1,0.1\\r\\n');
  },
});
`;

test('no command lets through what a terminal or a page would obey', async () => {
  using project = new CliProject(PIPELINE);
  project.write('stages/make.ts', MAKE);
  const heard: string[] = [];
  const planned = await project.pipe('plan', 'study');
  assert.equal(planned.code, 10, planned.stderr);
  const say = async (...args: string[]): Promise<void> => {
    const {stdout, stderr} = await project.pipe(...args);
    assert.ok(!stderr.includes('Internal error'), `${args.join(' ')}: ${stderr}`);
    for (const [number, line] of `${stdout}${stderr}`.split('\n').entries()) {
      if (OBEYED.test(line)) heard.push(`${args.join(' ')}, line ${number + 1}: ${JSON.stringify(line)}`);
    }
  };
  await say('run', 'study', '--logs', '--explain');
  const {stdout} = await project.pipe('run', 'study', 'odd');
  assert.match(stdout, /expected names of metrics and devices on one line/);
  await say('plan', 'study', '--all');
  for (const command of ['why', 'show', 'log', 'stages', 'runs', 'verify', 'gc']) {
    const isOfPipeline = ['why', 'show', 'log'].includes(command);
    await say(command, ...(isOfPipeline ? ['study'] : []));
  }
  await say('runs', '--metric', `score${EVIL}`);
  await say('stages', './stages/make.ts');
  for (const stage of ['make', 'fails']) {
    await say('show', 'study', `${stage}[kind=b]`);
    await say('log', 'study', `${stage}[kind=b]`);
    await say('show', 'study', stage);
  }
  await say('run', 'study', '--set', 'p=other');
  await say('diff', '--all');
  await say('run', 'study', `nothing${EVIL}`);
  await say('get', 'study', `make[kind=a${EVIL}]`, 'curve', '-o', 'curve.csv');
  for (const name of ['graph.svg', 'graph.dot', 'graph.mmd', 'graph.txt']) {
    await say(
      'graph',
      'study',
      '--instances',
      '-o',
      name,
      ...(name === 'graph.txt' ? ['--format', 'text'] : []),
    );
    const text = readFileSync(project.path(name), 'utf8');
    for (const line of text.split('\n'))
      if (OBEYED.test(line)) heard.push(`${name}: ${JSON.stringify(line)}`);
  }
  await say('graph', 'study', '-i', '-o', 'graph.png');
  await say('report', 'study', '-o', 'page.html');
  for (const line of readFileSync(project.path('page.html'), 'utf8').split('\n')) {
    if (OBEYED.test(line)) heard.push(`page.html: ${JSON.stringify(line.slice(0, 300))}`);
  }
  assert.deepEqual(heard, []);
});
