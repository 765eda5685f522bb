// Real servers for tests, in a temporary folder, where the programs are installed; `undefined` where they are not.

import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {createServer} from 'node:net';
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

/** A Redis server without persistence. */
export async function startRedis(): Promise<TestServer | undefined> {
  const program = findProgram('redis-server');
  if (program === undefined) return undefined;
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'pipe-redis-'));
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
  const child = spawn(program, args, {stdio: ['ignore', 'pipe', 'inherit']});
  await untilSaid(child, child.stdout, /Ready to accept connections/);
  return {url: `redis://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => end(child, folder)};
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
    stdio: 'ignore',
  });
  const args = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder, '-F'];
  const child = spawn(join(bin, 'postgres'), args, {...options, stdio: ['ignore', 'ignore', 'pipe']});
  await untilSaid(child, child.stderr, /ready to accept connections/);
  return {
    url: `postgres://pipe@127.0.0.1:${port}/postgres`,
    [Symbol.asyncDispose]: () => end(child, folder),
  };
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

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('expected a port');
  return address.port;
}

const findProgram = (name: string): string | undefined =>
  (process.env.PATH ?? '')
    .split(':')
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
