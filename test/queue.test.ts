// Stages over a queue in Redis, by workers on machines of their own: the contract of all executors, the same bytes as
// here, and nothing lost when coordinator, worker or server die.

import assert from 'node:assert/strict';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, test} from 'node:test';
import {fleetStoreOf} from '../src/cli/fleet.ts';
import type {Workspace} from '../src/cli/workspace.ts';
import {digestBytes} from '../src/core/digest.ts';
import type {Executor} from '../src/exec/executor.ts';
import {QueueExecutor} from '../src/exec/queue/queue-executor.ts';
import {RedisLink} from '../src/exec/queue/redis-link.ts';
import {parseRemote} from '../src/store/remote/open-remote.ts';
import {RemoteTier} from '../src/store/remote/tier.ts';
import {executorContract} from './executor-contract.ts';
import {CliProject, packageRoot, type Started} from './rig/cli-project.ts';
import {type HeldStage, HeldStages} from './rig/held-stages.ts';
import {canIsolate, WorkerMachine} from './rig/machines.ts';
import {startRedis, startWebCache, WEB_TOKEN} from './rig/servers.ts';

const redis = await startRedis();
const base = mkdtempSync(join(tmpdir(), 'pipe-queue-'));
const {version}: {version: string} = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
/** Seconds: short, so that a worker that died is missed soon, and long beside what a loaded machine may be late. */
const LEASE = ['--lease', '6', '--jobs', '4'];
let stores = 0;
const newStore = (): string => join(base, `store-${stores++}`);

after(async () => {
  await redis?.[Symbol.asyncDispose]();
  rmSync(base, {recursive: true, force: true});
});

/** An executor with a worker on another machine, where the coordinator's project does not exist. */
function executorOf(url: string, workspace: Workspace): Executor {
  const address = parseRemote(newStore(), {project: workspace.project, packageRoot, token: null});
  assert.ok(address.ok);
  const tier = new RemoteTier({address: address.value, shelf: workspace.shelf});
  const worker = new WorkerMachine(url, LEASE, {hidden: [workspace.project]});
  const store = fleetStoreOf(workspace, tier, () => undefined);
  const executor = new QueueExecutor({
    name: 'queue',
    link: (onTrouble, onReady) => RedisLink.open(url, onTrouble, onReady),
    place: url,
    address: tier.address,
    sender: workspace.project,
    version,
    labels: [],
    most: 10,
    gpus: 0,
    now: Date.now,
    notice: () => undefined,
    store: {
      send: (assignment, signal) => store.send(assignment, signal),
      adviceOn: (action, failure, logTail) => store.adviceOn(action, failure, logTail),
      bringLog: log => store.bringLog(log),
      // The contract looks at blobs as if they were here.
      async find(assignment) {
        const result = await store.find(assignment);
        for (const artifact of Object.values(result?.outputs ?? {})) await tier.bring(artifact);
        if (result !== undefined) await tier.bringBlob(result.log);
        return result;
      },
    },
  });
  const close = executor.close.bind(executor);
  executor.close = async () => {
    await close();
    await worker[Symbol.asyncDispose]();
  };
  return executor;
}

if (redis !== undefined) executorContract('a queue', workspace => executorOf(redis.url, workspace));

/** A project whose stages go to a queue of its own in the server, so that no other test's workers take them. */
class QueueProject extends CliProject {
  readonly url: string;

  constructor(server: string, pipeline?: string, store = newStore()) {
    super(pipeline);
    this.url = `${server}/${1 + (stores % 15)}`;
    this.write('pipe.config.yaml', `store: ${store}\nexecutor: {kind: queue, url: '${this.url}'}\n`);
  }

  worker(...args: readonly string[]): WorkerMachine {
    return new WorkerMachine(this.url, [...LEASE, ...args], {hidden: [this.folder]});
  }

  async endsWell(running: Started): Promise<string> {
    const {code, stdout, stderr} = await running.ended;
    assert.equal(code, 0, stdout + stderr);
    return stdout + stderr;
  }
}

const slow = (held: HeldStages, more = ''): string => `pipeline: study
stages:
  slow:
    run: ${JSON.stringify(`${held.shell('slow')}; echo made >> "$out_n"`)}
    out: {n: n.txt}
    publish: results/study
    ${more}
`;

/** A stage that arrives; a run that ends before it does says why. */
async function arrival(held: HeldStages, running: Started): Promise<HeldStage> {
  const ended = running.ended.then(({stdout, stderr}) => assert.fail(`ended early:\n${stdout}${stderr}`));
  return Promise.race([held.next('slow'), ended]);
}

const queueTest = (title: string, body: (server: NonNullable<typeof redis>) => Promise<void>): void => {
  test(title, {timeout: 240_000}, async context => {
    if (redis === undefined) return context.skip('Redis is not installed');
    await body(redis);
  });
};

const filesBelow = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, {recursive: true, encoding: 'utf8', withFileTypes: true})
      .filter(entry => entry.isFile())
      .map(entry => [entry.name, digestBytes(readFileSync(join(entry.parentPath, entry.name)))]),
  );

queueTest('the quickstart gives the bytes that it gives here, over a web server alone', async server => {
  await using web = await startWebCache();
  const env = {PIPE_STORE_TOKEN: 'let-me-in'};
  using project = new QueueProject(
    server.url,
    undefined,
    web === undefined ? newStore() : `${web.url}/store`,
  );
  using here = new CliProject();
  for (const each of [project, here]) {
    mkdirSync(each.path('pipelines'));
    cpSync(join(packageRoot, 'pipelines/quickstart.yaml'), each.path('pipelines/quickstart.yaml'));
  }
  await using _worker = new WorkerMachine(project.url, LEASE, {hidden: [project.folder], env});
  const args = ['run', 'quickstart', '--profile', 'smoke'];
  await project.endsWell(project.start(args, {env}));
  await here.expect(0, ...args);
  assert.deepEqual(
    filesBelow(project.path('results/quickstart-smoke')),
    filesBelow(here.path('results/quickstart-smoke')),
  );
  const shown = await project.start(['show', 'quickstart', 'table', '--profile', 'smoke', '--json'], {env})
    .ended;
  assert.match(shown.stdout, /"executor": "queue"/, 'who ran it signs it');
});

queueTest('a coordinator that is killed loses nothing: the next run attaches', async server => {
  await using held = await HeldStages.open();
  using project = new QueueProject(server.url, slow(held));
  await using _worker = project.worker();
  const first = project.start(['run', 'study']);
  const stage = await arrival(held, first);
  first.kill('SIGKILL');
  await first.ended;
  const second = project.start(['run', 'study']);
  stage.release();
  await project.endsWell(second);
  assert.equal(project.read('results/study/n.txt'), 'made\n');
  assert.deepEqual(held.history, ['slow'], 'it ran once');
});

queueTest('a worker that dies loses nothing, and costs no attempt', async server => {
  await using held = await HeldStages.open();
  using project = new QueueProject(server.url, slow(held));
  await using worker = project.worker();
  const running = project.start(['run', 'study']);
  await arrival(held, running);
  await worker.kill();
  await using _other = project.worker();
  (await arrival(held, running)).release();
  await project.endsWell(running);
  assert.equal(project.read('results/study/n.txt'), 'made\n');
});

queueTest(
  'a worker that leaves puts its job back with its checkpoint, which goes to another machine',
  async server => {
    await using held = await HeldStages.open();
    using project = new QueueProject(
      server.url,
      `pipeline: study
stages:
  slow:
    run: ${JSON.stringify(`if test -e "$checkpoint/at"; then cat "$checkpoint/at" > "$out_n"; else echo 7 > "$checkpoint/at"; ${held.shell('slow')}; fi`)}
    out: {n: n.txt}
    checkpoint: true
    publish: results/study
`,
    );
    await using worker = project.worker();
    const running = project.start(['run', 'study']);
    await arrival(held, running);
    await worker.leave();
    await using _other = project.worker();
    await project.endsWell(running);
    assert.equal(project.read('results/study/n.txt'), '7\n');
  },
);

queueTest('a run that is stopped stops what its workers run, and takes back what waits', async server => {
  await using held = await HeldStages.open();
  using project = new QueueProject(server.url, slow(held, 'matrix: {seed: [1, 2, 3]}'));
  await using _worker = project.worker('--jobs', '1');
  const running = project.start(['run', 'study']);
  const stage = await arrival(held, running);
  running.kill('SIGTERM');
  const ended = await running.ended;
  assert.equal(ended.code, 130, ended.stdout + ended.stderr);
  await stage.gone;
  assert.deepEqual(held.history, ['slow'], 'nothing that waited has begun');
});

queueTest('a server that is killed and started again is waited for: nothing has failed', async () => {
  await using server = await startRedis();
  assert.ok(server !== undefined);
  await using held = await HeldStages.open();
  using project = new QueueProject(server.url, slow(held));
  await using _worker = project.worker();
  const running = project.start(['run', 'study']);
  const stage = await arrival(held, running);
  await server.kill();
  await running.until(/does not answer/);
  stage.release();
  await server.restart();
  assert.match(await project.endsWell(running), /1 executed/);
  assert.equal(project.read('results/study/n.txt'), 'made\n');
});

queueTest(
  'a store that is killed and started again is waited for, by the run and by its workers',
  async server => {
    await using store = await startWebCache();
    if (store === undefined) return;
    await using held = await HeldStages.open();
    using project = new QueueProject(
      server.url,
      `pipeline: study
stages:
  here: {run: ${JSON.stringify(`${held.shell('here')}; echo made > "$out_n"`)}, resources: {pool: local}, out: {n: n.txt}}
  next: {run: 'cat "$in_n" > "$out_n"', in: {n: here.n}, out: {n: n.txt}, publish: results/next}
  slow: {run: ${JSON.stringify(`${held.shell('slow')}; echo made >> "$out_n"`)}, out: {n: n.txt}, publish: results/study}
`,
      store.url,
    );
    const env = {PIPE_STORE_TOKEN: WEB_TOKEN};
    await using worker = new WorkerMachine(project.url, LEASE, {hidden: [project.folder], env});
    await worker.until(/listening/);
    const running = project.start(['run', 'study'], {env});
    const stages = [await held.next(), await held.next()];
    await store.kill();
    for (const stage of stages) stage.release();
    await running.until(/the store \S+ cannot be used: .*; waiting for it/);
    await store.restart();
    const said = await project.endsWell(running);
    assert.match(said, /3 executed/);
    assert.doesNotMatch(said, /was lost/);
    assert.equal(project.read('results/study/n.txt'), 'made\n');
    assert.deepEqual([...held.history].sort(), ['here', 'slow'], 'nothing began twice');
  },
);

queueTest('what runs every time, or is forced, gives what it has made now', async server => {
  using project = new QueueProject(
    server.url,
    `pipeline: study
stages:
  a: {run: 'cat /proc/sys/kernel/random/uuid > "$out_x"', volatile: true, out: {x: x}, publish: results/a}
  b: {run: 'cat /proc/sys/kernel/random/uuid > "$out_x"', out: {x: x}, publish: results/b}
`,
  );
  await using _worker = project.worker();
  const made = async (...args: readonly string[]): Promise<readonly string[]> => {
    await project.expect(0, 'run', 'study', ...args);
    return ['a', 'b'].map(name => project.read(`results/${name}/x`));
  };
  const first = await made();
  const second = await made();
  assert.notEqual(second[0], first[0]);
  assert.equal(second[1], first[1]);
  const forced = await made('--force');
  assert.notEqual(forced[0], second[0]);
  assert.notEqual(forced[1], second[1]);
});

queueTest('a worker keeps what was used last, below the limit that it was given', async server => {
  using project = new QueueProject(
    server.url,
    `pipeline: study
stages:
  a: {run: 'printf %040000d "$n" > "$out_x"', matrix: {n: [1, 2, 3, 4, 5]}, out: {x: x}}
  b: {run: 'cat "$in_all"/n=* | wc -c > "$out_x"', in: {all: {each: a.x}}, out: {x: x}, publish: results/b}
`,
  );
  await using worker = project.worker('--cache-size', '100KB');
  await project.expect(0, 'run', 'study');
  assert.equal(project.read('results/b/x').trim(), '200000');
  // It trims when its last job has ended, which the run may hear of before.
  while (worker.keptBytes() > 100_000) await new Promise(resolve => setTimeout(resolve, 50));
});

queueTest(
  'a file that a stage does not declare is not there, and the line that declares it is said',
  async server => {
    using project = new QueueProject(
      server.url,
      `pipeline: study
stages:
  a: {run: 'cat tools/words.txt > "$out_x"', out: {x: x}, publish: results/a}
`,
    );
    project.write('tools/words.txt', 'words\n');
    await using _worker = project.worker();
    const failed = await project.pipe('run', 'study');
    assert.equal(failed.code, 1, failed.stderr);
    assert.match(failed.stdout + failed.stderr, /add `code: \[tools\/words\.txt\]`/);
    project.edit('pipelines/study.yaml', 'out: {x: x}', 'code: [tools/words.txt], out: {x: x}');
    await project.expect(0, 'run', 'study');
    assert.equal(project.read('results/a/x'), 'words\n');
  },
);

queueTest('workers of another version take nothing, and that is said', async server => {
  using project = new QueueProject(
    server.url,
    'pipeline: study\nstages:\n  a: {run: echo made > "$out/n.txt", publish: results/study}\n',
  );
  const other = mkdtempSync(join(base, 'version-'));
  cpSync(join(packageRoot, 'dist'), join(other, 'dist'), {recursive: true});
  symlinkSync(join(packageRoot, 'node_modules'), join(other, 'node_modules'));
  const manifest = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
  writeFileSync(join(other, 'package.json'), JSON.stringify({...manifest, version: '9.9.9'}));
  await using old = new WorkerMachine(project.url, LEASE, {cli: join(other, 'dist/cli.js')});
  await old.until(/listening/);
  const running = project.start(['run', 'study']);
  await running.until(/no worker may take them: \S+ is pipe 9\.9\.9/);
  await using _worker = project.worker();
  await project.endsWell(running);
});

queueTest('labels choose among workers; what nobody may take waits and says so', async server => {
  using project = new QueueProject(
    server.url,
    'pipeline: study\nstages:\n  a: {run: echo made > "$out/n.txt", resources: {pool: big}}\n',
  );
  project.write(
    'pipe.config.yaml',
    `${project.read('pipe.config.yaml')}executors: {big: {kind: queue, url: '${project.url}', labels: [a100]}}\n`,
  );
  await using plain = project.worker();
  await plain.until(/listening/);
  const running = project.start(['run', 'study', '--json']);
  await running.until(/has no label a100/);
  await using _labelled = project.worker('--label', 'a100');
  const said = await project.endsWell(running);
  assert.match(said, /"type":"placed"/);
  assert.match(said, /"type":"room",[^\n]*"executor":"big"/);
});

queueTest('workers with another processor get keys of their own where the settings name it', async server => {
  if (!canIsolate()) return;
  using project = new QueueProject(
    server.url,
    'pipeline: study\nstages:\n  a: {uses: ./stages/a.ts, publish: results/study}\n',
  );
  project.write(
    'stages/a.ts',
    `import {writeFileSync} from 'node:fs';
import {defineStage, z} from 'pipe-ml/stage';
export default defineStage({
  about: '', params: z.object({}), inputs: {}, outputs: {x: 'file'}, usesDevice: true,
  run({outputs, platform}) { writeFileSync(outputs.x, String(platform)); },
});
`,
  );
  const plain = project.read('pipe.config.yaml');
  await using worker = new WorkerMachine(project.url, LEASE, {hidden: [project.folder], flags: 'fpu avx'});
  await worker.until(/for linux \S+ avx or any/);
  const refused = project.start(['run', 'study']);
  await refused.until(
    /no worker may take them: \S+ is linux \S+ avx; `platform: linux \S+ avx` of the executor/,
  );
  refused.kill('SIGKILL');
  await refused.ended;
  const there = `linux ${process.arch} avx`;
  project.write('pipe.config.yaml', plain.replace('{kind: queue,', `{kind: queue, platform: ${there},`));
  assert.match(await project.endsWell(project.start(['run', 'study'])), /1 executed/);
  assert.equal(project.read('results/study/x'), there);
  // The same project without those machines has another key, and makes its own.
  const here = await project.endsWell(project.start(['run', 'study', '--executor', 'local']));
  assert.match(here, /1 executed/);
  assert.notEqual(project.read('results/study/x'), there);
});

queueTest('jobs are listed after their coordinator is gone, and can be cancelled', async server => {
  await using held = await HeldStages.open();
  using project = new QueueProject(server.url, slow(held));
  await using worker = project.worker();
  await worker.until(/listening/);
  const running = project.start(['run', 'study']);
  const stage = await arrival(held, running);
  running.kill('SIGKILL');
  await running.ended;
  const [job, ...rest] = JSON.parse(await project.expect(0, 'jobs', '--json'));
  assert.deepEqual([job.executor, job.what, job.state, rest], ['queue', 'slow', 'running', []]);
  // The same store and queue from another clone: nothing of it is its own.
  using other = new CliProject();
  other.write('pipe.config.yaml', project.read('pipe.config.yaml'));
  assert.equal(await other.expect(0, 'jobs'), 'nothing is out there\n');
  await project.expect(0, 'jobs', '--cancel');
  await stage.gone;
  while ((await project.expect(0, 'jobs')) !== 'nothing is out there\n')
    await new Promise(resolve => setTimeout(resolve, 200));
});

test('a queue without a store, an address that is none: mistakes with what mends them', async () => {
  using project = new CliProject('pipeline: study\nstages:\n  a: {run: "true"}\n');
  project.write('pipe.config.yaml', 'executor: {kind: queue, url: redis://127.0.0.1:1}\n');
  const none = await project.pipe('run', 'study');
  assert.equal(none.code, 2);
  assert.match(none.stderr, /expected a store that this machine and the workers of queue share/);
  project.write('pipe.config.yaml', 'executors: {q: {kind: queue, url: lab}, r: {kind: queue}}\n');
  const wrong = await project.pipe('plan', 'study');
  assert.match(wrong.stderr, /expected such as redis:\/\/HOST:6379 as url, got 'lab'/);
  assert.match(wrong.stderr, /expected the key url in an executor of kind queue/);
  assert.equal((await project.pipe('worker', 'lab')).code, 2);
});
