// How Python stages run: one clean process for each task, whatever another one did to itself.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {numbersOf} from '../src/core/metric.ts';
import {isProcessAlive} from '../src/host/process-identity.ts';
import {CliProject} from './rig/cli-project.ts';
import {eventsOf} from './rig/cli-run.ts';
import {noPython} from './rig/python.ts';

const skip = noPython;

/** Metrics by instance of a run that may fail, and failures. */
async function runAll(
  rig: CliProject,
  ...options: readonly string[]
): Promise<{
  metrics: Record<string, Record<string, number>>;
  failures: Record<string, Record<string, unknown>>;
}> {
  const said = await rig.pipe('run', 'study', '--json', ...options);
  const metrics: Record<string, Record<string, number>> = {};
  const failures: Record<string, Record<string, unknown>> = {};
  for (const event of eventsOf(said.stdout)) {
    if (event.type !== 'finished') continue;
    const {outcome, id} = event;
    if (outcome.status === 'executed') metrics[id] = numbersOf(outcome.result.metrics);
    if (outcome.status === 'failed') failures[id] = {...outcome.failure, logTail: outcome.logTail};
  }
  return {metrics, failures};
}

function study(stages: string, files: Readonly<Record<string, string>>): CliProject {
  const rig = new CliProject();
  rig.write('pipelines/study.yaml', `pipeline: study\nstages:\n${stages}`);
  for (const [path, text] of Object.entries(files)) rig.write(path, text);
  return rig;
}

test('nothing of one task reaches another, and a forgotten seed is one all the same', {skip}, async () => {
  using rig = study('  leak:\n    uses: leak\n    matrix: {n: [1, 2, 3, 4]}\n', {
    'stages/leak.py': `import os, random
from pipe_stage import Run, stage
count = 0
imported = os.getpid()

@stage
def leak(*, n: int, run: Run):
    global count
    count += 1
    found = {"count": count, "leaked": float("LEAK" in os.environ), "draw": random.random(), "files": len(os.listdir(".")),
             "template": float(imported), "stdin": len(os.read(0, 10))}
    os.environ["LEAK"] = "1"
    open("left", "w").close()
    random.seed(n)
    return found
`,
  });
  const {metrics} = await runAll(rig);
  const all = Object.values(metrics);
  assert.equal(all.length, 4);
  for (const {count, leaked, files, stdin} of all)
    assert.deepEqual({count, leaked, files, stdin}, {count: 1, leaked: 0, files: 0, stdin: 0});
  // One import for all of them.
  assert.equal(new Set(all.map(({template}) => template)).size, 1);
  assert.equal(new Set(all.map(({draw}) => draw)).size, 4);
  const again = await runAll(rig, '--force');
  const drawn = (of: typeof metrics): (number | undefined)[] => Object.keys(metrics).map(id => of[id]?.draw);
  assert.deepEqual(drawn(again.metrics), drawn(metrics));
});

test('what a task does to its process stays there, and what the module made for all of them stays for all', {
  skip,
}, async () => {
  using rig = study('  leak:\n    uses: leak\n    matrix: {n: [1, 2, 3, 4]}\n', {
    'stages/leak.py': `import atexit, decimal, gc, locale, logging, os, shutil, signal, sys, tempfile, threading, warnings
from pipe_stage import Run, stage
folder = tempfile.TemporaryDirectory()
other = tempfile.mkdtemp()
atexit.register(shutil.rmtree, other)
shared = open(__file__)
options = {"verbose": False}

@stage
def leak(*, n: int, run: Run):
    found = {
        "shared": float(os.path.isdir(folder.name) and os.path.isdir(other)),
        "read": len(shared.read(5)),
        "path": float("/leaked" in sys.path),
        "handlers": len(logging.getLogger("leak").handlers),
        "signal": float(signal.getsignal(signal.SIGUSR1) is not signal.SIG_DFL),
        "threads": threading.active_count(),
        "cwd": float(os.getcwd() == "/"),
        "options": float(options["verbose"]),
        "module": float("leaked" in sys.modules),
        "filters": len([each for each in warnings.filters if each[0] == "error"]),
        "precision": decimal.getcontext().prec,
        "umask": os.umask(0o077),
        "patched": float(hasattr(os, "leaked")),
        "hook": float(sys.excepthook is not sys.__excepthook__),
        "gc": float(not gc.isenabled()),
    }
    sys.path.insert(0, "/leaked")
    logging.getLogger("leak").addHandler(logging.NullHandler())
    signal.signal(signal.SIGUSR1, lambda *_: None)
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    os.chdir("/")
    options["verbose"] = True
    sys.modules["leaked"] = sys
    warnings.simplefilter("error")
    decimal.getcontext().prec = 3
    os.leaked = True
    sys.excepthook = print
    gc.disable()
    return found
`,
  });
  const {metrics} = await runAll(rig, '--jobs', '1');
  const all = Object.values(metrics);
  assert.equal(all.length, 4);
  const clean = all[0] ?? {};
  assert.equal(clean.shared, 1);
  assert.equal(clean.threads, 1);
  for (const name of [
    'path',
    'handlers',
    'signal',
    'cwd',
    'options',
    'module',
    'filters',
    'patched',
    'hook',
    'gc',
  ])
    assert.equal(clean[name], 0, name);
  assert.equal(clean.read, 5);
  for (const each of all) assert.deepEqual(each, clean);
});

test('a task ends as an interpreter does: threads, exit functions, files that nobody closed', {
  skip,
}, async () => {
  using rig = study('  end:\n    uses: end\n  see:\n    uses: see\n    in: {text: end}\n', {
    'stages/end.py': `import atexit, tempfile, threading
from pipe_stage import File, Run, stage

class Holder:
    pass

@stage(outputs={name: File(name + ".txt") for name in ("kept", "cycle", "thread", "exit", "temporary")})
def end(*, run: Run):
    global kept
    kept = open(run.out("kept"), "w")
    kept.write("all")
    holder = Holder()
    holder.own, holder.file = holder, open(run.out("cycle"), "w")
    holder.file.write("all")
    run.out("temporary").write_text(tempfile.mkdtemp())
    begun = threading.Event()
    def late():
        begun.wait()
        run.out("thread").write_text("all")
    threading.Thread(target=late).start()
    def last():
        run.out("exit").write_text("all")
    atexit.register(last)
    begun.set()
`,
    'stages/see.py': `from pathlib import Path
from pipe_stage import stage

@stage
def see(text: Path):
    return {name: len((text / (name + ".txt")).read_text()) for name in ("kept", "cycle", "thread", "exit")}
`,
  });
  const {metrics} = await runAll(rig);
  assert.deepEqual(metrics.see, {kept: 3, cycle: 3, thread: 3, exit: 3});
});

test('a crash in native code, a kill and an exit cost one instance each', {skip}, async () => {
  using rig = study(
    '  fall:\n    uses: fall\n    matrix: {how: [segv, kill, exit, fine, abort, text, recurse]}\n',
    {
      'stages/fall.py': `import ctypes, os, signal, sys
from typing import Literal
from pipe_stage import stage

@stage
def fall(*, how: Literal["segv", "kill", "exit", "fine", "abort", "text", "recurse"]):
    print("before", flush=True)
    if how == "segv":
        ctypes.string_at(0)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exit":
        os._exit(3)
    if how == "abort":
        os.abort()
    if how == "text":
        sys.exit("no data")
    if how == "recurse":
        fall(how=how)
    return {"ok": 1}
`,
    },
  );
  const {metrics, failures} = await runAll(rig);
  assert.deepEqual(metrics, {'fall[how=fine]': {ok: 1}});
  const ends = Object.fromEntries(
    Object.entries(failures).map(([id, {reason, code, signal}]) => [
      id.slice(9, -1),
      [reason, code ?? signal ?? null],
    ]),
  );
  assert.deepEqual(ends, {
    segv: ['exited', 'SIGSEGV'],
    kill: ['exited', 'SIGKILL'],
    exit: ['exited', 3],
    abort: ['exited', 'SIGABRT'],
    text: ['exited', 1],
    recurse: ['threw', null],
  });
  assert.deepEqual(failures['fall[how=text]']?.logTail, ['before', 'no data']);
});

test('an exception is shown as the part of the traceback that is the user’s', {skip}, async () => {
  using rig = study(
    '  wrong:\n    uses: wrong\n    matrix: {how: [library, mistake, metric, type, cause]}\n',
    {
      'lib/inner.py': 'import json\n\ndef parse(text):\n    return json.loads(text)\n',
      'stages/wrong.py': `from lib.inner import parse
from pipe_stage import Run, StageError, stage

@stage
def wrong(*, how: str, run: Run):
    if how == "library":
        parse("{")
    if how == "mistake":
        raise StageError("expected more data", "get some")
    if how == "metric":
        run.metric("loss", float("nan"))
    if how == "type":
        return [1]
    if how == "cause":
        try:
            parse("[")
        except ValueError as error:
            raise KeyError("x") from error
`,
    },
  );
  const {failures, metrics} = await runAll(rig);
  const of = (how: string): Record<string, unknown> => failures[`wrong[how=${how}]`] ?? {};
  const {stack, message} = of('library');
  assert.match(String(message), /^json\.decoder\.JSONDecodeError: Expecting/);
  assert.match(
    String(stack),
    /^Traceback \(most recent call last\):\n {2}File "stages\/wrong\.py", line 7, in wrong\n[\s\S]*File "lib\/inner\.py", line 4, in parse\n[\s\S]*\(3 frames of installed packages\)\n/,
  );
  assert.doesNotMatch(String(stack), /pipe_call|cache/);
  assert.equal(of('mistake').message, 'expected more data');
  assert.equal(of('mistake').hint, 'get some');
  assert.deepEqual(metrics['wrong[how=metric]'], {loss: Number.NaN});
  assert.match(String(of('type').message), /expected the stage to return its metrics, got list/);
  assert.match(String(of('cause').stack), /JSONDecodeError[\s\S]*KeyError/);
  const shown = (await rig.pipe('run', 'study', 'wrong[how=library]')).stdout;
  assert.match(
    shown,
    /│ json\.decoder\.JSONDecodeError: Expecting[^\n]*\n +│ +File "stages\/wrong\.py", line 7, in wrong\n +│ +parse\("\{"\)\n +│ +File "lib\/inner\.py", line 4, in parse\n/,
  );
});

test('threads as granted, declared files and no others, and a checkpoint that survives', {skip}, async () => {
  using rig = study(
    `  rest:
    uses: rest
    files: [conf/a.txt, conf/plugin.py]
    resources: {cpus: 2}
    retries: 1
`,
    {
      'conf/a.txt': 'declared',
      'conf/plugin.py': 'value = 7\n',
      'secret.txt': 'undeclared',
      'stages/rest.py': `import logging, os
from pathlib import Path
from pipe_stage import Folder, Run, stage
beside = (Path(__file__).parent.parent / "conf" / "a.txt").read_text()

@stage(outputs={"made": Folder()}, checkpoint=True)
def rest(*, run: Run):
    import importlib
    logging.info("said")
    mark = run.checkpoint / "tried"
    if not mark.exists():
        mark.touch()
        raise RuntimeError("first try")
    assert beside == Path("conf/a.txt").read_text() == run.files["conf/a.txt"].read_text() == "declared"
    assert not Path("secret.txt").exists()
    (run.out("made") / "x").write_text("x")
    return {"threads": int(os.environ["OMP_NUM_THREADS"]), "cpus": run.cpus, "plugin": importlib.import_module("conf." + "plugin").value}
`,
    },
  );
  const {metrics, failures} = await runAll(rig, '--jobs', '2');
  assert.deepEqual(failures, {});
  assert.deepEqual(metrics.rest, {threads: 2, cpus: 2, plugin: 7});
  assert.match((await rig.pipe('log', 'study', 'rest')).stdout, /INFO root: said/);
});

test('where a fork would be unsound, each task has a process of its own', {skip}, async () => {
  using rig = study('  alone:\n    uses: alone\n    matrix: {n: [1, 2]}\n', {
    'stages/alone.py': `import os, threading
from pipe_stage import stage
imported = os.getpid()
threading.Thread(target=threading.Event().wait, daemon=True).start()

@stage
def alone(*, n: int):
    return {"same": float(imported == os.getpid()), "pid": imported}
`,
  });
  const {metrics, failures} = await runAll(rig);
  assert.deepEqual(failures, {});
  const all = Object.values(metrics);
  assert.deepEqual(
    all.map(({same}) => same),
    [1, 1],
  );
  assert.notEqual(all[0]?.pid, all[1]?.pid);
});

test('time-outs end a task with everything that it started; a module that fails to load says so', {
  skip,
}, async () => {
  using rig = study(
    '  hang:\n    uses: hang\n    timeout: 1s\n    retries: 0\n  broken:\n    uses: broken\n',
    {
      'stages/hang.py': `import subprocess, time
from pipe_stage import stage

@stage
def hang():
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    print(child.pid, flush=True)
    time.sleep(1000)
`,
      'stages/broken.py': `from pipe_stage import stage
import not_there

@stage
def broken():
    pass
`,
    },
  );
  const {failures} = await runAll(rig);
  assert.equal(failures.hang?.reason, 'timed-out');
  const pid = String(failures.hang?.logTail);
  assert.equal(isProcessAlive(Number(pid)), false);
  assert.equal(failures.broken?.message, "ModuleNotFoundError: No module named 'not_there'");
});
