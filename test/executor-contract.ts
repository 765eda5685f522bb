// What every executor keeps to, whatever it runs on: one suite, called with each of them.

import assert from 'node:assert/strict';
import {mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {hostname, tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {test} from 'node:test';
import {
  type Action,
  type ActionResult,
  type Artifact,
  digestOfVariable,
  fingerprintOf,
  type ProducerContent,
  type TrackedFile,
} from '../src/action/action.ts';
import type {Shell} from '../src/cli/shell.ts';
import {surroundingsOf} from '../src/cli/surroundings.ts';
import {openWorkspace, type Workspace} from '../src/cli/workspace.ts';
import type {Assignment, Ending, Executor} from '../src/exec/executor.ts';
import {HeldStages} from './rig/held-stages.ts';
import {packageRoot} from './rig/project-rig.ts';
import {noPython} from './rig/python.ts';

/** A project with its store, and an executor that works for it. */
export class ContractRig implements AsyncDisposable {
  readonly workspace: Workspace;
  readonly executor: Executor;
  readonly #folder: string;
  readonly told = {log: '', free: 0, placed: 0, progress: 0};

  private constructor(folder: string, workspace: Workspace, executor: Executor) {
    this.#folder = folder;
    this.workspace = workspace;
    this.executor = executor;
  }

  static async open(make: (workspace: Workspace) => Executor): Promise<ContractRig> {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'pipe-contract-')));
    writeFileSync(join(folder, 'package.json'), '{"type": "module"}\n');
    const outside = {...surroundingsOf(process), cwd: folder};
    const shell: Shell = {outside, version: '0.0.0', packageRoot, argv: []};
    const workspace = await openWorkspace(shell, folder);
    return new ContractRig(folder, workspace, make(workspace));
  }

  write(path: string, text: string): string {
    const absolute = join(this.#folder, path);
    mkdirSync(dirname(absolute), {recursive: true});
    writeFileSync(absolute, text);
    return absolute;
  }

  put(text: string): Artifact {
    const put = this.workspace.blobs.putBytes(text);
    assert.ok(put.ok);
    return put.value;
  }

  file(text: string, isExecutable = false): TrackedFile {
    return {digest: this.put(text).digest, isExecutable};
  }

  /** The text of a blob that a result names. */
  read(digest: Artifact['digest']): string {
    const bytes = this.workspace.blobs.read(digest);
    assert.ok(bytes.ok, `${digest} is not in the store`);
    return bytes.value.toString('utf8');
  }

  outputOf(result: ActionResult, name = 'x'): string {
    const artifact = result.outputs[name];
    assert.ok(artifact !== undefined);
    return this.read(artifact.digest);
  }

  action(command: string, more: Partial<Action> = {}): Action {
    return {
      format: 2,
      work: {kind: 'shell', command, code: {}},
      params: {},
      inputs: {},
      files: {},
      outputs: {x: {kind: 'file', path: 'x'}},
      env: {},
      device: null,
      platform: null,
      sandbox: 'closed',
      study: null,
      salt: null,
      ...more,
    };
  }

  assignment(action: Action, more: Partial<Assignment> = {}): Assignment {
    return {
      action,
      fingerprint: fingerprintOf(action),
      label: 'stage[seed=1]',
      run: '20260101-000000-0000',
      limits: {cpus: 1, memory: 0, gpus: 0, timeoutMs: null},
      env: {},
      isFresh: false,
      keepsCheckpoint: false,
      prefix: null,
      git: null,
      mirror: null,
      card: null,
      ...more,
    };
  }

  execute(assignment: Assignment, signal = new AbortController().signal): Promise<Ending> {
    return this.executor.execute(
      assignment,
      {
        onLog: (_stream, text) => {
          this.told.log += text;
        },
        onAudit: () => {},
        onProgress: () => {
          this.told.progress++;
        },
        onPlaced: () => {
          this.told.placed++;
        },
        onFree: () => {
          this.told.free++;
        },
      },
      signal,
    );
  }

  async done(assignment: Assignment): Promise<Extract<Ending, {status: 'done'}>> {
    const ending = await this.execute(assignment);
    assert.ok(ending.status === 'done', JSON.stringify(ending));
    return ending;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.executor.close();
    await this.workspace.cache.close();
    rmSync(this.#folder, {recursive: true, force: true});
  }
}

const producer = (artifact: Artifact, more: Partial<ProducerContent> = {}): ProducerContent => ({
  cell: {},
  isWhole: true,
  outputs: {data: {path: 'data.txt', artifact}},
  metrics: {},
  origin: null,
  ...more,
});

/** What cannot be the same everywhere. */
export interface ContractTraits {
  /** False where nothing is kept from a try that was cancelled. */
  readonly keepsCheckpoints: boolean;
  /** Python stages run there, with the packages of that machine. */
  readonly runsPython: boolean;
}

/** Registers the contract's tests. `make`: an executor for a workspace; what it gives is in the workspace's store. */
export function executorContract(
  name: string,
  make: (workspace: Workspace) => Executor,
  {keepsCheckpoints = true, runsPython = true}: Partial<ContractTraits> = {},
): void {
  const contract = (title: string, body: (rig: ContractRig) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      await using rig = await ContractRig.open(make);
      await body(rig);
    });
  };

  contract('an action becomes a result whose blobs are in the store, signed by who ran it', async rig => {
    const before = Date.now();
    const action = rig.action(`echo said; echo '{"n": 2}' > "$metrics"; echo "$lr" > "$out_x"`, {
      params: {lr: 0.1},
    });
    const git = {commit: '0123456789abcdef', isClean: false};
    const {result, notices} = await rig.done(rig.assignment(action, {git}));
    assert.equal(rig.outputOf(result), '0.1\n');
    assert.deepEqual([result.metrics, notices], [{n: 2}, []]);
    assert.equal(rig.read(result.log), 'said\n');
    assert.deepEqual([rig.told.log, rig.told.free, rig.told.placed], ['said\n', 1, 1]);
    const {made} = result;
    assert.deepEqual([made.run, made.host, made.cpus], ['20260101-000000-0000', hostname(), 1]);
    assert.deepEqual(made.git, git);
    assert.ok(made.startedAt >= before && made.startedAt + made.durationMs <= Date.now());
    assert.ok(made.queuedMs >= 0 && made.durationMs >= 0 && made.platform.includes(process.arch));
  });

  contract('a task finds its inputs and files where the action puts them, and nothing else', async rig => {
    const one = rig.put('one\n');
    const action = rig.action(
      `{ cat "$in_data/data.txt" "$in_file" "$in_runs/seed=1/data.txt" "$in_runs/index.json"; find . -type f | sort; ./tools/go; } > "$out_x"`,
      {
        work: {
          kind: 'shell',
          command: `{ cat "$in_data/data.txt" "$in_file" "$in_runs/seed=1/data.txt" "$in_runs/index.json"; find . -type f | sort; ./tools/go; } > "$out_x"`,
          code: {'tools/go': rig.file('#!/bin/sh\necho went\n', true)},
        },
        files: {'lists/words.txt': rig.file('word\n')},
        inputs: {
          data: {kind: 'one', content: producer(one)},
          file: {kind: 'one', content: producer(rig.put('two\n'), {isWhole: false})},
          runs: {kind: 'each', contents: [producer(rig.put('three\n'), {cell: {seed: 1}, metrics: {n: 1}})]},
        },
      },
    );
    const {result} = await rig.done(rig.assignment(action));
    assert.equal(
      rig.outputOf(result),
      `one\ntwo\nthree\n[\n {\n  "cell": {\n   "seed": 1\n  },\n  "path": "seed=1",\n  "metrics": {\n   "n": 1\n  }\n }\n]\n./lists/words.txt\n./tools/go\nwent\n`,
    );
  });

  contract('a stage module runs from its bundle', async rig => {
    const path = rig.write(
      'stages/double.ts',
      `import {defineStage, z} from 'pipe-ml/stage';
export default defineStage({
  about: '', params: z.object({n: z.number()}), inputs: {}, outputs: {x: 'file'},
  async run({params, outputs, metric, progress, log}) {
    const {writeFile} = await import('node:fs/promises');
    metric('twice', params.n * 2); progress({done: 1, total: 1, unit: 'step'}); log('done');
    await writeFile(outputs.x, process.cwd().split('/').at(-1) + '\\n');
  },
});\n`,
    );
    const code = await rig.workspace.code.codeOf(path);
    assert.ok(code.ok, JSON.stringify(code));
    const action = rig.action('', {
      work: {kind: 'module', code: code.value.code, packages: code.value.packages},
      params: {n: 21},
    });
    const card = rig.workspace.code.cardOf(code.value.code);
    const {result} = await rig.done(rig.assignment(action, {card}));
    assert.deepEqual(
      [result.metrics, rig.outputOf(result), rig.told.progress],
      [{twice: 42}, 'project\n', 1],
    );
  });

  contract('a stage sees its parameters in one order, whoever made the action', async rig => {
    const path = rig.write(
      'stages/say.ts',
      `import {defineStage, z} from 'pipe-ml/stage';
export default defineStage({
  about: '', params: z.object({b: z.number(), a: z.number()}), inputs: {}, outputs: {x: 'file'},
  async run({params, outputs}) {
    const {writeFile} = await import('node:fs/promises');
    await writeFile(outputs.x, JSON.stringify(params));
  },
});\n`,
    );
    const code = await rig.workspace.code.codeOf(path);
    assert.ok(code.ok, JSON.stringify(code));
    const work = {kind: 'module' as const, code: code.value.code, packages: code.value.packages};
    const card = rig.workspace.code.cardOf(code.value.code);
    const {result} = await rig.done(rig.assignment(rig.action('', {work, params: {b: 1, a: 2}}), {card}));
    assert.equal(rig.outputOf(result), '{"a":2,"b":1}');
  });

  contract('a Python stage runs from its sources, where its packages are', async rig => {
    if (noPython !== false || !runsPython) return;
    rig.write('lib/twice.py', 'def twice(n):\n    return n * 2\n');
    const path = rig.write(
      'stages/fit.py',
      `from pathlib import Path
from pipe_stage import File, Run, stage
from lib.twice import twice
@stage(outputs={"x": File("x.txt")})
def fit(*, n: int, run: Run):
    print("said")
    run.out("x").write_text(str(twice(n)))
    return {"twice": twice(n)}
`,
    );
    const code = await rig.workspace.code.codeOf(path);
    assert.ok(code.ok, JSON.stringify(code));
    const {packages} = code.value;
    const work = {kind: 'python' as const, code: code.value.code, packages};
    const card = rig.workspace.code.cardOf(code.value.code);
    const outputs = {x: {kind: 'file' as const, path: 'x.txt'}};
    const {result} = await rig.done(rig.assignment(rig.action('', {work, params: {n: 21}, outputs}), {card}));
    assert.deepEqual(
      [result.metrics, rig.outputOf(result), rig.read(result.log)],
      [{twice: 42}, '42', 'said\n'],
    );
  });

  contract('a failure is an ending, with the tail of its log', async rig => {
    const ending = await rig.execute(rig.assignment(rig.action('echo so far; exit 3')));
    assert.ok(ending.status === 'failed');
    assert.deepEqual(
      [ending.failure, ending.logTail, ending.advice],
      [{reason: 'exited', code: 3, signal: null}, ['so far'], null],
    );
    assert.ok(ending.log !== null);
    assert.equal(rig.read(ending.log), 'so far\n');
    assert.equal(rig.told.free, 1);
  });

  contract('an output that is not there is a failure', async rig => {
    const ending = await rig.execute(rig.assignment(rig.action('true')));
    assert.ok(ending.status === 'failed');
    assert.deepEqual(ending.failure, {reason: 'missing-output', output: 'x', path: 'x'});
  });

  contract('time that is over ends a task with everything that it started', async rig => {
    await using held = await HeldStages.open();
    const action = rig.action(`(${held.shell('child')}) & ${held.shell('slow')}`);
    const limits = {cpus: 1, memory: 0, gpus: 0, timeoutMs: 1500};
    const running = rig.execute(rig.assignment(action, {limits}));
    const [child, slow] = [await held.next('child'), await held.next('slow')];
    const ending = await running;
    assert.ok(ending.status === 'failed');
    assert.deepEqual(ending.failure, {reason: 'timed-out', afterMs: 1500});
    await Promise.all([child.gone, slow.gone]);
  });

  contract('an abort gives cancelled once nothing of the task runs', async rig => {
    await using held = await HeldStages.open();
    const abort = new AbortController();
    const running = rig.execute(rig.assignment(rig.action(held.shell('a'))), abort.signal);
    const stage = await held.next('a');
    abort.abort();
    assert.deepEqual(await running, {status: 'cancelled'});
    await stage.gone;
    assert.deepEqual(await rig.execute(rig.assignment(rig.action('true')), abort.signal), {
      status: 'cancelled',
    });
  });

  contract('a checkpoint of a cancelled try is handed to the next', async rig => {
    await using held = await HeldStages.open();
    const action = rig.action(
      `if test -e "$checkpoint/at"; then cat "$checkpoint/at" > "$out_x"; else echo 7 > "$checkpoint/at"; ${held.shell('a')}; fi`,
    );
    const assignment = rig.assignment(action, {keepsCheckpoint: true});
    const abort = new AbortController();
    const first = rig.execute(assignment, abort.signal);
    await held.next('a');
    abort.abort();
    assert.deepEqual(await first, {status: 'cancelled'});
    if (keepsCheckpoints) assert.equal(rig.outputOf((await rig.done(assignment)).result), '7\n');
  });

  contract(
    'the state of a shorter result is handed over as the checkpoint, and signed as such',
    async rig => {
      if (!keepsCheckpoints) return;
      rig.write('state/at', '7\n');
      const admitted = await rig.workspace.blobs.admit(
        dirname(rig.write('state/at', '7\n')),
        'folder',
        'copy',
      );
      assert.ok(admitted.ok);
      const action = rig.action(`cat "$checkpoint/at" > "$out_x"; echo 8 > "$checkpoint/at"`);
      const prefix = {
        fingerprint: fingerprintOf(rig.action('shorter')),
        parameter: 'n',
        value: 7,
        state: admitted.value,
      };
      const {result} = await rig.done(rig.assignment(action, {prefix}));
      assert.equal(rig.outputOf(result), '7\n');
      assert.deepEqual(result.made.continued, prefix);
      const files = rig.workspace.blobs.filesOf(admitted.value);
      assert.ok(files.ok && files.value[0] !== undefined);
      assert.equal(rig.read(files.value[0].digest), '7\n', 'the stage writes into a copy');
      const salted = rig.action('cat "$checkpoint/at" > "$out_x"', {salt: 'again'});
      const gone = {...prefix, state: {...admitted.value, digest: digestOfVariable('never stored')}};
      const without = await rig.execute(rig.assignment(salted, {prefix: gone}));
      assert.ok(
        without.status === 'failed' && without.failure.reason === 'exited',
        'nothing was handed over',
      );
    },
  );

  contract('declared variables arrive, others do not, and what is fixed is fixed', async rig => {
    const action = rig.action('echo "$TOKEN [${USER-}${LOGNAME-}] $TZ $LC_ALL" > "$out_x"', {
      env: {TOKEN: digestOfVariable('swordfish'), ABSENT: null},
    });
    const {result} = await rig.done(rig.assignment(action, {env: {TOKEN: 'swordfish'}}));
    assert.equal(rig.outputOf(result), 'swordfish [] UTC C.UTF-8\n');
  });

  contract('a blob that is gone fails the action, and is nobody else’s failure', async rig => {
    const content = producer({...rig.put('x'), digest: digestOfVariable('never stored')});
    const action = rig.action('cat "$in_data/data.txt" > "$out_x"', {inputs: {data: {kind: 'one', content}}});
    const ending = await rig.execute(rig.assignment(action));
    assert.ok(ending.status === 'failed' && ending.failure.reason === 'store', JSON.stringify(ending));
    await rig.done(rig.assignment(rig.action('echo fine > "$out_x"')));
  });

  contract('several actions run at once', async rig => {
    await using held = await HeldStages.open();
    const names = ['a', 'b', 'c'];
    const running = names.map(each =>
      rig.done(rig.assignment(rig.action(`${held.shell(each)}; echo ${each} > "$out_x"`))),
    );
    const stages = await Promise.all(names.map(each => held.next(each)));
    for (const stage of stages) stage.release();
    const results = await Promise.all(running);
    assert.deepEqual(
      results.map(({result}) => rig.outputOf(result)),
      ['a\n', 'b\n', 'c\n'],
    );
  });
}
