import assert from 'node:assert/strict';
import {test} from 'node:test';
import type {Metrics} from '../src/core/metric.ts';
import {lineBuffering} from '../src/exec/line-buffering.ts';
import {processesWith} from '../src/exec/process-group.ts';
import type {TaskAnswer} from '../src/exec/task.ts';
import {ExecutorRig} from './rig/executor-rig.ts';
import {HeldStages} from './rig/held-stages.ts';

const done = (metrics: Metrics = {}) => ({ok: true, metrics});
/** Without what the machine decides. */
const gainOf = (answer: TaskAnswer) => (answer.ok ? done(answer.value.metrics) : answer);
const exited = (code: number | null, signal: string | null = null) => ({
  ok: false,
  error: {reason: 'exited', code, signal},
});

test('a command sees its parameters, inputs and outputs as variables, and nothing of them is executed', async () => {
  await using rig = new ExecutorRig();
  const task = rig.task(
    rig.shell(
      `printf '%s\\n' "$lr" "$name" "$layers" "$a_b" "$param_PATH" "$in_data" "$out_weights" "$cpus" > "$out/seen"`,
    ),
    {
      params: {
        lr: 0.1,
        name: `it's $(touch pwned) "x"\nline`,
        layers: [1, {a: 2}],
        'a-b': true,
        PATH: '/nowhere',
      },
      inputs: {data: {kind: 'one', input: {path: '/in/data', files: {}, metrics: {}, cell: {}}}},
      outputs: {weights: {kind: 'file', path: '/out/weights'}},
      cpus: 2,
    },
  );
  const {answer} = await rig.run(task);
  assert.deepEqual(gainOf(answer), done());
  assert.equal(
    rig.read(task, 'seen'),
    `0.1\nit's $(touch pwned) "x"\nline\n[1,{"a":2}]\ntrue\n/nowhere\n/in/data\n/out/weights\n2\n`,
  );
});

test('a command that was not declared a variable does not see it', async () => {
  await using rig = new ExecutorRig({env: {SECRET: 'hidden', SHOWN: 'no'}});
  const task = rig.task(rig.shell(`echo "[\${SECRET:-}] [$SHOWN]"; command -v ls >/dev/null`), {
    env: {SHOWN: 'yes'},
  });
  const {answer, log} = await rig.run(task);
  assert.deepEqual(gainOf(answer), done());
  assert.equal(log, '[] [yes]\n');
});

test('a name that nothing set ends a command, and says which', async () => {
  await using rig = new ExecutorRig();
  const {answer, log} = await rig.run(rig.task(rig.shell('fit --lr "$lr"; echo on')));
  assert.ok(!answer.ok);
  assert.match(log, /lr: unbound variable/);
  assert.doesNotMatch(log, /^on$/m);
});

test('the first command that fails ends a command, in a pipeline too, and both streams are in its log', async () => {
  await using rig = new ExecutorRig();
  const first = await rig.run(rig.task(rig.shell('echo one; echo two >&2; false\necho three')));
  assert.deepEqual([first.answer, first.log], [exited(1), 'one\ntwo\n']);
  const second = await rig.run(rig.task(rig.shell('(exit 3) | cat; echo unreachable')));
  assert.deepEqual([second.answer, second.log], [exited(3), '']);
  const third = await rig.run(rig.task(rig.shell('if then')));
  assert.equal(third.answer.ok, false);
  const fourth = await rig.run(rig.task(rig.shell('exit 0; false')));
  assert.deepEqual(gainOf(fourth.answer), done());
});

test('metrics come from the file that a command writes, those that are not finite by their names', async () => {
  await using rig = new ExecutorRig();
  const run = async (text: string) =>
    (await rig.run(rig.task(rig.shell(`echo '${text}' > "$metrics"`)))).answer;
  assert.deepEqual(gainOf(await run('{"accuracy": 0.5, "n": 3}')), done({accuracy: 0.5, n: 3}));
  assert.deepEqual(
    gainOf(await run('{"loss": NaN, "low": -Infinity, "high": 1e999, "NaN": 1}')),
    done({loss: 'NaN', low: '-Infinity', high: 'Infinity', NaN: 1}),
  );
  const wrong = await run('{"loss": "low"}');
  assert.ok(!wrong.ok && wrong.error.reason === 'mistake');
  assert.match(wrong.error.message, /expected a number for the metric loss, got "low"/);
});

test('a command that takes too long is told to end and then killed, with everything that it started', async () => {
  await using rig = new ExecutorRig({graceMs: 100});
  await using held = await HeldStages.open();
  const child = `bash -c 'trap "" TERM; ${held.shell('child')}; sleep 100'`;
  const task = rig.task(rig.shell(`trap '' TERM; setsid ${child} & ${child} & wait`), {
    timeoutMs: 300,
    env: {MARK: rig.folder},
  });
  const running = rig.run(task);
  const children = [await held.next('child'), await held.next('child')];
  const {answer} = await running;
  assert.deepEqual(answer, {ok: false, error: {reason: 'timed-out', afterMs: 300}});
  assert.deepEqual(processesWith('MARK', rig.folder), []);
  await Promise.all(children.map(each => each.gone));
});

test('an abort ends a command in order where it listens', async () => {
  await using rig = new ExecutorRig();
  await using held = await HeldStages.open();
  const task = rig.task(
    rig.shell(`trap 'echo saved > "$out/state"; exit 1' TERM; ${held.shell('ready')}; sleep 9`),
  );
  const controller = new AbortController();
  const running = rig.run(task, controller.signal);
  await held.next('ready');
  controller.abort();
  assert.deepEqual((await running).answer, {ok: false, error: {reason: 'cancelled'}});
  assert.equal(rig.read(task, 'state'), 'saved\n');
});

test('a process left in the background does not outlive its command', async () => {
  await using rig = new ExecutorRig();
  await using held = await HeldStages.open();
  const task = rig.task(rig.shell(`(${held.shell('left')}) & echo started`), {env: {MARK: rig.folder}});
  const {answer, log} = await rig.run(task);
  assert.deepEqual([gainOf(answer), log], [done(), 'started\n']);
  assert.deepEqual(processesWith('MARK', rig.folder), []);
});

test('a command that kills its shell costs itself alone', async () => {
  await using rig = new ExecutorRig();
  const {answer} = await rig.run(rig.task(rig.shell('kill -KILL $$; sleep 100'), {env: {MARK: rig.folder}}));
  assert.deepEqual(answer, exited(null, 'SIGKILL'));
  assert.deepEqual(processesWith('MARK', rig.folder), []);
  assert.deepEqual(gainOf((await rig.run(rig.task(rig.shell('true')))).answer), done());
  assert.deepEqual(
    (await rig.run(rig.task(rig.shell('kill -SEGV $BASHPID')))).answer,
    exited(null, 'SIGSEGV'),
  );
});

test('CPU time and memory of a command are measured with those of its children', async () => {
  await using rig = new ExecutorRig();
  const busy =
    'node -e "globalThis.held = Buffer.alloc(2 ** 27, 1); for (const end = Date.now() + 400; Date.now() < end;);"';
  const {answer} = await rig.run(rig.task(rig.shell(busy)));
  assert.ok(answer.ok);
  const {cpuMs, peakBytes} = answer.value.usage;
  assert.ok(cpuMs !== null && cpuMs >= 200, String(cpuMs));
  assert.ok(peakBytes !== null && peakBytes > 2 ** 27, String(peakBytes));
});

test('what a program prints is in the log when it prints it', {
  skip: !('LD_PRELOAD' in lineBuffering()),
}, async () => {
  await using rig = new ExecutorRig();
  await using held = await HeldStages.open();
  // `sed` keeps its output in a buffer unless it writes line by line.
  const task = rig.task(rig.shell(`{ echo early; ${held.shell('writer')}; echo late; } | sed 's/^/> /'`));
  let log = '';
  let onSeen = (): void => {};
  const seen = new Promise<void>(resolve => {
    onSeen = resolve;
  });
  const running = rig.executor.execute(
    task,
    {
      onLog: (_stream, text) => {
        log += text;
        if (log.includes('> early')) onSeen();
      },
      onAudit: () => {},
      onProgress: () => {},
    },
    new AbortController().signal,
  );
  const writer = await held.next('writer');
  await seen;
  writer.release();
  assert.ok((await running).ok);
  assert.equal(log, '> early\n> late\n');
});
