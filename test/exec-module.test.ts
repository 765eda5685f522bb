import assert from 'node:assert/strict';
import {join} from 'node:path';
import {test} from 'node:test';
import {processesWith} from '../src/exec/process-group.ts';
import {ExecutorRig} from './rig/executor-rig.ts';
import {HeldStages} from './rig/held-stages.ts';

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
  assert.deepEqual(answer.ok && answer.value.metrics, {accuracy: 0.5});
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

test('a worker stays warm, and the next instance finds modules, globals and environment as if it were the first', async () => {
  await using rig = new ExecutorRig();
  const work = rig.module(
    `${pid} context.metric('calls', ++calls); context.metric('global', globalThis.calls = (globalThis.calls ?? 0) + 1);
     context.metric('patched', Math.patched = (Math.patched ?? 0) + 1);
     context.metric('array', [].extra?.() ?? 0); Array.prototype.extra = () => 1;
     context.metric('random', Number(Math.random === original)); Math.random = () => 0.5;
     context.metric('fs', Number(fs.existsSync('/') === true)); fs.existsSync = () => 'patched';
     context.metric('listeners', process.listenerCount('exit')); process.on('exit', () => {});
     context.metric('mask', process.umask()); process.umask(0o077);
     context.log(String(process.env.X));`,
    `import fs from 'node:fs'; let calls = 0; const original = Math.random;`,
  );
  const runs = [];
  for (const env of [{X: 'set'}, {}, {}]) runs.push(await rig.run(rig.task(work, {env})));
  const metrics = runs.map(({answer}) => (answer.ok ? answer.value.metrics : answer.error));
  assert.deepEqual(metrics[1], metrics[0]);
  assert.deepEqual(metrics[2], metrics[0]);
  assert.ok(runs[0]?.answer.ok && runs[0].answer.value.metrics.calls === 1);
  assert.deepEqual(
    runs.map(({log}) => log),
    ['set\n', 'undefined\n', 'undefined\n'],
  );
});

test('what cannot be put back costs the worker, and the next instance does not see it', async () => {
  await using rig = new ExecutorRig();
  const work = rig.module(
    `${pid} context.metric('frozen', Number(Object.isFrozen(JSON))); Object.freeze(JSON);`,
  );
  const [first, second] = [await rig.run(rig.task(work)), await rig.run(rig.task(work))];
  assert.ok(first.answer.ok && second.answer.ok);
  assert.equal(second.answer.value.metrics.frozen, 0);
  assert.notEqual(first.answer.value.metrics.pid, second.answer.value.metrics.pid);
});

test('packages that are not known to forget cost the worker; TensorFlow.js forgets backends, variables and flags', async () => {
  await using rig = new ExecutorRig();
  rig.linkPackage('@tensorflow/tfjs-core');
  const work = rig.module(
    `${pid}
     context.metric('variables', Object.keys(tf.engine().registeredVariables).length);
     context.metric('backends', Object.keys(tf.engine().registryFactory).length);
     context.metric('debug', Number(tf.env().getBool('PROD')));
     context.metric('tensors', tf.engine().state.numTensors);
     tf.registerBackend('mine', () => ({dispose() {}, floatPrecision: () => 32, epsilon: () => 1e-7, memory: () => ({}),
       numDataIds: () => 0, disposeData: () => true, write: () => ({}), decRef() {}, incRef() {}}));
     tf.setBackend('mine'); tf.env().set('PROD', true);
     tf.registerGradient({kernelName: 'Square', gradFunc: () => ({})});
     tf.variable(tf.tensor([1, 2, 3]), true, 'weights');`,
    `import * as tf from '@tensorflow/tfjs-core';`,
  );
  const [first, second] = [await rig.run(rig.task(work)), await rig.run(rig.task(work))];
  assert.ok(first.answer.ok, JSON.stringify(first.answer));
  assert.deepEqual(second.answer.ok && second.answer.value.metrics, first.answer.value.metrics);

  rig.write('node_modules/counter/package.json', '{"name": "counter", "main": "./main.js"}');
  rig.write('node_modules/counter/main.js', 'let n = 0; exports.next = () => ++n;');
  const counting = rig.module(`${pid} context.metric('n', next());`, `import {next} from 'counter';`);
  const [third, fourth] = [await rig.run(rig.task(counting)), await rig.run(rig.task(counting))];
  assert.ok(third.answer.ok && fourth.answer.ok);
  assert.deepEqual([third.answer.value.metrics.n, fourth.answer.value.metrics.n], [1, 1]);
});

test('work that nobody awaited fails the instance', async () => {
  await using rig = new ExecutorRig();
  const write = rig.module(`
    const {writeFile} = await import('node:fs/promises');
    void writeFile(context.params.path, Buffer.alloc(2 ** 28));`);
  const task = rig.task(write);
  const {answer} = await rig.run({...task, params: {path: join(task.outputFolder, 'half')}});
  assert.ok(!answer.ok && answer.error.reason === 'unfinished', JSON.stringify(answer));
  assert.match(answer.error.left.join(), /file operation/);
  const child = await rig.run(
    rig.task(rig.module(`(await import('node:child_process')).spawn('sleep', ['100'], {stdio: 'ignore'});`)),
  );
  assert.deepEqual(child.answer, {
    ok: false,
    error: {reason: 'unfinished', left: ['the process `sleep 100`']},
  });
  // What was awaited, and what was given up, is none.
  const tidy = rig.module(`
    const fs = await import('node:fs');
    await fs.promises.writeFile(context.params.path, 'x'.repeat(1e6));
    for await (const chunk of fs.createReadStream(context.params.path)) break;`);
  const whole = rig.task(tidy);
  const ended = await rig.run({...whole, params: {path: join(whole.outputFolder, 'whole')}});
  assert.ok(ended.answer.ok, JSON.stringify(ended.answer));
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
    pids.add(Number(answer.value.metrics.pid));
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

test('a metric that is not finite is recorded as such, and what a producer measured comes in as a number', async () => {
  await using rig = new ExecutorRig();
  const work = rig.module(`
    context.metric('loss', NaN); context.metric('best', -Infinity);
    context.metric('input', Number(Number.isNaN(context.inputs.data.metrics.loss)));`);
  const input = {path: '/in', files: {}, metrics: {loss: 'NaN' as const}, cell: {}};
  const {answer} = await rig.run(rig.task(work, {inputs: {data: {kind: 'one', input}}}));
  assert.deepEqual(answer.ok && answer.value.metrics, {loss: 'NaN', best: '-Infinity', input: 1});
  const text = await rig.run(rig.task(rig.module(`context.metric('loss', 'low');`)));
  assert.ok(!text.answer.ok && text.answer.error.reason === 'threw');
});

test('what a task took of the machine is measured, its own and not that of the one before', async () => {
  await using rig = new ExecutorRig();
  const hungry = rig.module(
    `globalThis.held = Buffer.alloc(2 ** 28, 1); for (const end = Date.now() + 50; Date.now() < end;);`,
  );
  const first = await rig.run(rig.task(hungry));
  const second = await rig.run(rig.task(rig.module('')));
  assert.ok(first.answer.ok && second.answer.ok);
  const [{usage}, {usage: less}] = [first.answer.value, second.answer.value];
  assert.ok((usage.cpuMs ?? 0) >= 20 && (usage.peakBytes ?? 0) > 2 ** 28, JSON.stringify(usage));
  assert.ok((less.cpuMs ?? Infinity) < (usage.cpuMs ?? 0));
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
  assert.ok((await rig.run(rig.task(rig.module('')))).answer.ok);
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
  assert.ok(answer.ok);
  assert.equal(log, 'from a child\n');
});

test('progress that is none fails the stage at its place, and not the runner', async () => {
  await using rig = new ExecutorRig();
  const work = rig.module(`context.progress(1, 2, {detail: 'x'});`);
  const {answer, progress} = await rig.run(rig.task(work, {}));
  assert.ok(!answer.ok && answer.error.reason === 'threw');
  assert.match(answer.error.message, /expected progress as \{done, total, unit, detail\}/);
  assert.deepEqual(progress, []);
});
