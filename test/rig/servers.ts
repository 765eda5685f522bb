// Real servers for tests, in a temporary folder, where the programs are installed; `undefined` where they are not.

import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {connect, createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';

export interface TestServer extends AsyncDisposable {
  readonly url: string;
}

interface User {
  readonly uid?: number;
  readonly gid?: number;
}

const NOBODY_ELSE: User = {};

/** A server that can die. */
export interface MortalServer extends TestServer {
  /** Kills it at once, as a machine that fails does. */
  kill(): Promise<void>;
  /** Starts it anew at the same address, with what it had written down. */
  restart(): Promise<void>;
}

/** A Redis server that writes down every change. */
export async function startRedis(): Promise<MortalServer | undefined> {
  const program = findProgram('redis-server');
  if (program === undefined) return undefined;
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'pipe-redis-'));
  const kept = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'no', '--dir', folder];
  const start = async (): Promise<ChildProcess> => {
    const args = ['--port', String(port), '--bind', '127.0.0.1', ...kept];
    const child = spawn(program, args, {stdio: ['ignore', 'pipe', 'inherit']});
    await untilSaid(child, child.stdout, /Ready to accept connections/);
    return child;
  };
  return mortal(`redis://127.0.0.1:${port}`, await start(), start, folder);
}

function mortal(
  url: string,
  first: ChildProcess,
  start: () => Promise<ChildProcess>,
  folder: string,
): MortalServer {
  let child = first;
  return {
    url,
    async kill() {
      const gone = new Promise(resolve => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    },
    async restart() {
      child = await start();
    },
    [Symbol.asyncDispose]: () => end(child, folder),
  };
}

/** A PostgreSQL server; it refuses to run as root, so root runs it as its own user. */
export async function startPostgres(): Promise<TestServer | undefined> {
  const bin = postgresFolder();
  const user = process.getuid?.() === 0 ? userId('postgres') : NOBODY_ELSE;
  if (bin === undefined || user === undefined) return undefined;
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'pipe-postgres-'));
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid);
  chmodSync(folder, 0o700);
  const data = join(folder, 'data');
  const options = {cwd: folder, ...user};
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'pipe', '-A', 'trust', '--no-sync'], {
    ...options,
    // What it says stands in the error.
    stdio: 'pipe',
  });
  const args = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder, '-F'];
  const child = spawn(join(bin, 'postgres'), args, {...options, stdio: ['ignore', 'ignore', 'pipe']});
  await untilSaid(child, child.stderr, /ready to accept connections/);
  return {
    url: `postgres://pipe@127.0.0.1:${port}/postgres`,
    [Symbol.asyncDispose]: () => end(child, folder),
  };
}

/** What the web server wants of its clients. */
export const WEB_TOKEN = 'let-me-in';

/** A web server that keeps what is PUT to it, as a shared cache without any knowledge of ours. */
export async function startWebCache(): Promise<MortalServer | undefined> {
  const program = findProgram('nginx');
  if (program === undefined) return undefined;
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'pipe-nginx-'));
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'files'));
  chmodSync(join(folder, 'files'), 0o777);
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${folder}/pid; error_log /dev/null; events {}
http {
  access_log off; client_max_body_size 0;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port}; root ${folder}/files;
    location / {
      if ($http_authorization != "Bearer ${WEB_TOKEN}") { return 401; }
      dav_methods PUT; create_full_put_path on;
    }
  }
}
`,
  );
  const args = ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')];
  const start = async (): Promise<ChildProcess> => {
    const started = spawn(program, args, {stdio: ['ignore', 'ignore', 'ignore']});
    await untilListening(started, port);
    return started;
  };
  return mortal(`http://127.0.0.1:${port}`, await start(), start, folder);
}

/** An S3 server in memory. It takes any signature; `versitygw` checks them and is taken where it is installed. */
export async function startS3(): Promise<(TestServer & {readonly env: Record<string, string>}) | undefined> {
  const checking = findProgram('versitygw');
  const program = checking ?? findProgram('gofakes3');
  if (program === undefined) return undefined;
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'pipe-s3-'));
  const [key, secret] = ['dev', 'devsecret'];
  mkdirSync(join(folder, 'data'));
  mkdirSync(join(folder, 'meta'));
  const address = `127.0.0.1:${port}`;
  const args =
    checking === undefined
      ? ['-backend', 'memory', '-host', address]
      : ['--port', address, 'posix', '--sidecar', join(folder, 'meta'), join(folder, 'data')];
  const child = spawn(program, args, {
    stdio: 'ignore',
    env: {...process.env, ROOT_ACCESS_KEY: key, ROOT_SECRET_KEY: secret},
  });
  await untilListening(child, port);
  return {
    url: `http://${address}`,
    env: {AWS_ACCESS_KEY_ID: key, AWS_SECRET_ACCESS_KEY: secret, AWS_REGION: 'us-east-1'},
    [Symbol.asyncDispose]: () => end(child, folder),
  };
}

export interface BuildFarm extends TestServer {
  /** The server dies at once, with everything that runs on it; what it keeps on disk stays. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

/**
 * A server of the Remote Execution API: buildbox-casd. Commands run in a sandbox that holds their input root, the system's
 * programs, and `folders` to read.
 */
export async function startRemoteExecution(folders: readonly string[] = []): Promise<BuildFarm | undefined> {
  const program = findProgram('buildbox-casd');
  const runner = findProgram('buildbox-run');
  if (program === undefined || runner === undefined || findProgram('bwrap') === undefined) return undefined;
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'pipe-casd-'));
  const binds = ['/usr', '/bin', '/lib', '/lib64', '/etc/passwd', '/etc/group', '/etc/ssl', ...folders]
    .filter(existsSync)
    .map(path => `--runner-arg=--ro-bind-mount=${realpathSync(path)}:${path}`);
  const args = [`--bind=127.0.0.1:${port}`, `--buildbox-run=${runner}`, ...binds, '--jobs=4'];
  let child: ChildProcess | undefined;
  const farm: BuildFarm = {
    url: `grpc://127.0.0.1:${port}`,
    async kill() {
      if (child === undefined) return;
      const gone = new Promise(resolve => child?.once('exit', resolve));
      // Its runners are of its group.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      await gone;
      child = undefined;
    },
    async start() {
      child = spawn(
        program,
        [...args, '--cache-failures=false', '--log-level=error', join(folder, 'cache')],
        {stdio: 'ignore', detached: true},
      );
      await untilListening(child, port);
    },
    async [Symbol.asyncDispose]() {
      await farm.kill();
      rmSync(folder, {recursive: true, force: true, maxRetries: 20});
    },
  };
  await farm.start();
  return farm;
}

/** Asks until the port answers, or the server has ended. */
export async function untilListening(child: ChildProcess, port: number): Promise<void> {
  for (;;) {
    const isOpen = await new Promise<boolean>(resolve => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (isOpen) return;
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

async function untilSaid(child: ChildProcess, stream: NodeJS.ReadableStream, text: RegExp): Promise<void> {
  let said = '';
  await new Promise<void>((resolve, reject) => {
    createInterface(stream).on('line', line => {
      said += `${line}\n`;
      if (text.test(line)) resolve();
    });
    child.once('error', reject);
    child.once('exit', code => reject(new Error(`the server ended with ${code}:\n${said}`)));
  });
}

async function end(child: ChildProcess, folder: string): Promise<void> {
  const gone = new Promise(resolve => child.once('exit', resolve));
  child.kill('SIGINT');
  await gone;
  rmSync(folder, {recursive: true, force: true});
}

/**
 * A port that this process alone uses until it ends: two test files that ask at the same time, and the ports that the
 * system gives to clients (32768 and up), stay apart. A folder in the temporary folder is the claim.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const claim = join(tmpdir(), `pipe-port-${port}`);
    try {
      mkdirSync(claim);
    } catch {
      continue;
    }
    process.once('exit', () => rmSync(claim, {recursive: true, force: true}));
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise(resolve => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** What .ci/tools builds or unpacks for tests is beside the project's own files. */
const TOOLS = join(import.meta.dirname, '../../.scratch/tools');

export const findProgram = (name: string): string | undefined =>
  [TOOLS, ...(process.env.PATH ?? '').split(':'), '/usr/sbin']
    .map(folder => join(folder, name))
    .find(existsSync);

/** Debian keeps the server's programs out of the path. */
function postgresFolder(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort().reverse() : [];
  const folders = [
    ...versions.map(version => join(debian, version, 'bin')),
    ...(process.env.PATH ?? '').split(':'),
  ];
  return folders.find(folder => existsSync(join(folder, 'initdb')));
}

function userId(name: string): User | undefined {
  try {
    const id = (flag: string): number => Number(execFileSync('id', [flag, name], {stdio: 'pipe'}).toString());
    return {uid: id('-u'), gid: id('-g')};
  } catch {
    return undefined;
  }
}
