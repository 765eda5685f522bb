import assert from 'node:assert/strict';
import {join} from 'node:path';
import {test} from 'node:test';
import {processesWith} from '../src/exec/process-group.ts';
import {ExecutorRig} from './rig/executor-rig.ts';
import {HeldStages} from './rig/held-stages.ts';

const done = (metrics: Record<string, number> = {}) => ({ok: true, value: {metrics, device: ''}});
const pid = 'context.metric("pid", process.pid);';

test('a stage module gets its context and gives outputs, metrics, progress and a log', async () => {
  await using rig = new ExecutorRig({env: {SECRET: 'hidden'}});
  const work = rig.module(`
    const {params, inputs, outputs, files, metric, progress, log, device, cpus} = context;
    const {writeFileSync} = await import('node:fs');
    writeFileSync(outputs.weights, JSON.stringify({params, inputs, files, device, cpus, env: [process.env.SECRET, process.env.SHOWN]}));
    log('first'); console.log('second %d', 2); console.error('third'); process.stdout.write('fourth');
    progress({done: 1, total: 1, unit: 'epoch', detail: 'loss 0.1'});
    metric('accuracy', 0.25); metric('accuracy', 0.5);
  `);
  const input = {path: '/in', files: {x: '/in/x'}, metrics: {n: 1}, cell: {seed: 1}};
  const task = rig.task(work, {
    params: {lr: 0.1},
    inputs: {data: {kind: 'one', input}, runs: {kind: 'each', path: '/runs', inputs: [input]}},
    files: {'a.txt': '/project/a.txt'},
    env: {SHOWN: 'yes'},
    cpus: 2,
    gpus: [1],
  });
  const {answer, log, progress} = await rig.run({
    ...task,
    outputs: {weights: {kind: 'file', path: join(task.outputFolder, 'weights')}},
  });
  assert.deepEqual(answer, done({accuracy: 0.5}));
  assert.equal(log, 'first\nsecond 2\nthird\nfourth');
  assert.deepEqual(progress, [{done: 1, total: 1, unit: 'epoch', detail: 'loss 0.1'}]);
  assert.deepEqual(JSON.parse(rig.read(task, 'weights')), {
    params: {lr: 0.1},
    inputs: {data: input, runs: [input]},
    files: {'a.txt': '/project/a.txt'},
    device: {choice: 'auto', gpus: [1]},
    cpus: 2,
    env: [null, 'yes'],
  });
});

test('a worker stays warm, keeps a module loaded, and gives the next task a clean environment', async () => {
  await using rig = new ExecutorRig();
  const work = rig.module(
    `${pid} context.metric('calls', ++calls); context.log(String(process.env.X));`,
    'let calls = 0;',
  );
  const first = await rig.run(rig.task(work, {env: {X: 'set'}}));
  const second = await rig.run(rig.task(work));
  assert.ok(first.answer.ok && second.answer.ok);
  assert.equal(first.answer.value.metrics.pid, second.answer.value.metrics.pid);
  assert.equal(second.answer.value.metrics.calls, 2);
  assert.deepEqual([first.log, second.log], ['set\n', 'undefined\n']);
});

test('a worker whose stage left a timer, a socket or a child behind is not used again', async () => {
  await using rig = new ExecutorRig();
  const leftovers = [
    'setInterval(() => {}, 1000);',
    `const net = await import('node:net'); await new Promise(done => net.createServer().listen(0, done));`,
    `const {spawn} = await import('node:child_process'); spawn('sleep', ['100'], {detached: true, stdio: 'ignore'}).unref();`,
  ];
  const pids = new Set<number>();
  for (const leftover of leftovers) {
    const {answer} = await rig.run(rig.task(rig.module(`${pid} ${leftover}`), {env: {MARK: rig.folder}}));
    assert.ok(answer.ok);
    pids.add(answer.value.metrics.pid ?? 0);
  }
  assert.equal(pids.size, leftovers.length);
  assert.deepEqual(processesWith('MARK', rig.folder), []);
});

test('a mistake of the user is told from a bug by its name', async () => {
  await using rig = new ExecutorRig();
  const mistake = `class StageError extends Error { name = 'StageError'; hint = 'get another one'; }`;
  const first = await rig.run(rig.task(rig.module(`throw new StageError('a corrupt file');`, mistake)));
  assert.deepEqual(first.answer, {
    ok: false,
    error: {reason: 'mistake', message: 'a corrupt file', hint: 'get another one'},
  });
  const second = await rig.run(rig.task(rig.module(`null.x;`)));
  assert.ok(!second.answer.ok && second.answer.error.reason === 'threw');
  assert.match(second.answer.error.stack, /TypeError.*\n.*stage-/);
});

test('a metric that is not finite fails the stage, even where it catches the exception', async () => {
  await using rig = new ExecutorRig();
  const {answer} = await rig.run(rig.task(rig.module(`try { context.metric('loss', NaN); } catch {}`)));
  assert.deepEqual(answer, {ok: false, error: {reason: 'non-finite-metric', metric: 'loss', value: 'NaN'}});
});

test('exit, crash, exhausted memory, an unhandled rejection and a syntax error cost one task each', async () => {
  await using rig = new ExecutorRig();
  const failure = async (body: string) => {
    const {answer} = await rig.run(rig.task(rig.module(body)));
    assert.equal(answer.ok, false);
    return answer.ok ? undefined : answer.error;
  };
  assert.deepEqual(await failure('process.exit(0);'), {reason: 'exited', code: 0, signal: null});
  assert.deepEqual(await failure(`process.kill(process.pid, 'SIGKILL'); await new Promise(() => {});`), {
    reason: 'exited',
    code: null,
    signal: 'SIGKILL',
  });
  const memory = await failure(
    `const v8 = await import('node:v8'); v8.setFlagsFromString('--max-heap-size=40'); const all = []; for (;;) all.push(new Array(1e5).fill({}));`,
  );
  assert.equal(memory?.reason, 'exited');
  const rejection = await failure(
    `void Promise.reject(new Error('nobody cares')); await new Promise(() => {});`,
  );
  assert.ok(rejection?.reason === 'threw' && rejection.message === 'nobody cares');
  const later = await failure(
    `setImmediate(() => { throw new Error('later'); }); await new Promise(() => {});`,
  );
  assert.ok(later?.reason === 'threw' && later.message === 'later');
  const syntax = await failure('this is not JavaScript');
  assert.equal(syntax?.reason, 'threw');
  assert.deepEqual((await rig.run(rig.task(rig.module('')))).answer, done());
});

test('a stage that hangs is ended after its time, and one that looks at its signal ends in order', async () => {
  await using rig = new ExecutorRig({graceMs: 200});
  await using held = await HeldStages.open();
  const busy = await rig.run(rig.task(rig.module('for (;;);'), {timeoutMs: 200}));
  assert.deepEqual(busy.answer, {ok: false, error: {reason: 'timed-out', afterMs: 200}});

  const work = rig.module(`
    const {signal, outputs} = context;
    const aborted = new Promise(done => signal.addEventListener('abort', done));
    void (${held.script})('ready').catch(() => {});
    await aborted;
    (await import('node:fs')).writeFileSync(outputs.state, 'saved');
  `);
  const task = rig.task(work);
  const controller = new AbortController();
  const running = rig.run(
    {...task, outputs: {state: {kind: 'file', path: join(task.outputFolder, 'state')}}},
    controller.signal,
  );
  await held.next('ready');
  controller.abort();
  assert.deepEqual((await running).answer, {ok: false, error: {reason: 'cancelled'}});
  assert.equal(rig.read(task, 'state'), 'saved');
});

test('what native code and children print is in the log as well', async () => {
  await using rig = new ExecutorRig();
  const work = rig.module(
    `const {spawnSync} = await import('node:child_process'); spawnSync('echo', ['from a child'], {stdio: 'inherit'});`,
  );
  const {answer, log} = await rig.run(rig.task(work));
  assert.deepEqual([answer, log], [done(), 'from a child\n']);
});
