// `pipe run --audit`: what stages of every kind read and did not declare.

import assert from 'node:assert/strict';
import {mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import type {Audit} from '../src/action/audit.ts';
import {findStrace} from '../src/exec/audit/auditor.ts';
import {readTraces} from '../src/exec/audit/trace-reader.ts';
import {CliProject, packageRoot} from './rig/cli-project.ts';

const found = findStrace(process.env.PATH ?? '');
const skip = 'missing' in found ? found.missing : false;

const auditsIn = (stdout: string): Map<string, Audit> =>
  new Map(
    stdout
      .split('\n')
      .filter(line => line.startsWith('{"type":"audited"') || line.includes('"audited"'))
      .map(line => JSON.parse(line) as {id: string; audit: Audit})
      .map(({id, audit}) => [id, audit]),
  );

test('what a stage reads, runs and reaches beyond what it declares is listed, in every language', {
  skip,
}, async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'pipe-elsewhere-'));
  try {
    writeFileSync(join(elsewhere, 'données "1".csv'), 'x');
    using project = new CliProject();
    project.write('secret.txt', 'secret\n');
    project.write('given.txt', 'given\n');
    project.write('wanted.txt', 'wanted\n');
    const secret = project.path('secret.txt');
    const other = join(elsewhere, 'données "1".csv');
    mkdirSync(project.path('node_modules'));
    symlinkSync(packageRoot, project.path('node_modules/pipe-ml'));
    project.write('read.sh', `cat given.txt '${secret}' '${other}' > "$out_x"\ncat wanted.txt || true\n`);
    project.write(
      'stages/read.ts',
      `import {defineStage, z} from 'pipe-ml/stage';
import {readFileSync, writeFileSync} from 'node:fs';
import {createConnection} from 'node:net';
export default defineStage({about: 'reads', params: z.object({}), inputs: {}, outputs: {x: 'file'}, async run({outputs}) {
  readFileSync(${JSON.stringify(secret)});
  readFileSync(${JSON.stringify(other)});
  try { readFileSync('wanted.txt'); } catch {}
  await new Promise(done => createConnection(9, '127.0.0.1').once('error', done));
  writeFileSync(outputs.x, 'x');
}});
`,
    );
    project.write(
      'stages/look.py',
      `import socket
from pipe_stage import File, Run, stage

@stage(outputs={"x": File("x")})
def look(*, run: Run):
    open(${JSON.stringify(secret)}).read()
    open(${JSON.stringify(other)}).read()
    try:
        open("wanted.txt")
    except OSError:
        pass
    try:
        socket.create_connection(("127.0.0.1", 9))
    except OSError:
        pass
    run.out("x").write_text("x")
`,
    );
    project.write(
      'pipelines/study.yaml',
      `pipeline: study
stages:
  shell: {run: 'sh read.sh', code: [read.sh], files: [given.txt], out: {x: x}}
  script: {uses: ./stages/read.ts}
  python: {uses: ./stages/look.py}
  calm: {run: 'cat given.txt > "$out_x"', files: [given.txt], out: {x: x}}
  below: {run: 'cat "$in_a" given.txt > "$out_x"', in: {a: calm.x}, code: [given.txt], sandbox: project, out: {x: x}}
`,
    );
    const plain = await project.pipe('run', '--json');
    assert.equal(plain.code, 0, plain.stdout + plain.stderr);
    assert.equal(auditsIn(plain.stdout).size, 0);
    const audited = await project.pipe('run', '--audit', '--force', '--json');
    assert.equal(audited.code, 0, audited.stdout + audited.stderr);
    const audits = auditsIn(audited.stdout);
    assert.deepEqual([...audits.keys()].sort(), ['below', 'calm', 'python', 'script', 'shell']);
    for (const id of ['shell', 'script', 'python']) {
      const audit = audits.get(id);
      assert.deepEqual(audit?.project, ['secret.txt'], id);
      assert.ok(audit?.files.includes(other), `${id}: ${audit?.files.join()}`);
      assert.deepEqual(audit?.missed, ['wanted.txt'], id);
      if (id !== 'shell') assert.deepEqual(audit?.network, ['127.0.0.1:9'], id);
    }
    for (const id of ['calm', 'below']) {
      const audit = audits.get(id);
      for (const list of ['project', 'missed', 'files', 'written', 'network'] as const) {
        assert.deepEqual(audit?.[list], [], `${id} ${list}`);
      }
      assert.ok(audit?.programs.some(path => path.endsWith('/cat')));
    }
    const shown = await project.expect(0, 'show', 'shell');
    assert.match(shown, /reads of the project secret\.txt {2}add `code: \[secret\.txt\]`/);
    assert.match(await project.expect(0, 'show', 'calm'), /reads nothing that it does not declare/);
    // What is looked at gives the same key as what is not.
    const again = await project.pipe('run', '--json');
    assert.doesNotMatch(again.stdout, /"status":"executed"/);
  } finally {
    rmSync(elsewhere, {recursive: true, force: true});
  }
});

test('a stage that is looked at fails and is timed out like any other, and leaves no traces', {
  skip,
}, async () => {
  using project = new CliProject(
    `pipeline: p\nstages:\n  a: {run: 'exit 7', out: {x: x}}\n  b: {run: 'sleep 1000', timeout: 1s, out: {x: x}}\n  c: {run: 'kill -KILL $$', out: {x: x}}\n`,
  );
  const {code, stdout} = await project.pipe('run', '--audit', '--json');
  assert.equal(code, 1);
  assert.match(stdout, /"id":"a","outcome":\{"status":"failed".*"code":7/);
  assert.match(stdout, /"id":"b","outcome":\{"status":"failed".*"timed-out"/);
  assert.match(stdout, /"id":"c","outcome":\{"status":"failed".*"SIGKILL"/);
});

test('lines of a trace are read whatever is in them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pipe-trace-'));
  try {
    const lines = [
      'openat(AT_FDCWD</w>, "a", O_RDONLY) = 3</w/a b\\"\\303\\251\\n.txt>',
      'openat(5</d>, "../x", O_RDONLY) = -1 ENOENT (No such file or directory)',
      'openat(AT_FDCWD</w>, "out", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 4</w/out>',
      'openat(AT_FDCWD</w>, "lib", O_RDONLY|O_DIRECTORY) = 4</w/lib>',
      'execve("/bin/true", ["true"], 0x0 /* 1 var */) = 0',
      'execve("/bin/none", ["none"], 0x0 /* 1 var */) = -1 ENOENT (No such file or directory)',
      'connect(3, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}, 28) = 0',
      'openat(AT_FDCWD</w>, "cut',
      '+++ exited with 0 +++',
      'clock_gettime(CLOCK_REALTIME, {tv_sec=1, tv_nsec=2}) = 0',
    ];
    writeFileSync(join(folder, 'trace.1'), lines.join('\n'));
    writeFileSync(join(folder, 'other'), '');
    const seen = readTraces(join(folder, 'trace'));
    assert.deepEqual([...seen.read], ['/w/a b"é\n.txt', '/w/lib/']);
    assert.deepEqual([...seen.missing], ['/x']);
    assert.deepEqual([...seen.written], ['/w/out']);
    assert.deepEqual([...seen.programs], ['/bin/true']);
    assert.deepEqual([...seen.network], ['[::1]:80']);
    assert.equal(seen.clock, 1);
  } finally {
    rmSync(folder, {recursive: true});
  }
});
