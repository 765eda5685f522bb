// A cached study on a machine that has nothing: its table, and then all of its artifacts, from a web server; beside
// `dvc pull` of the same artifacts from the same server. Bytes are counted between client and server.

import {cpSync, mkdirSync, mkdtempSync, rmSync} from 'node:fs';
import {connect, createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {findProgram, freePort, startWebCache, WEB_TOKEN} from '../../test/rig/servers.ts';
import {type Measure, type Row, runPipe, runProgram, writeStudy} from './measure.ts';

/** Of each instance. Bytes. */
const SIZE = 20_000;

export const measureStore: Measure = async stages => {
  const server = await startWebCache();
  if (server === undefined) return undefined;
  const base = mkdtempSync(join(tmpdir(), 'pipe-bench-store-'));
  const meter = await Meter.before(server.url);
  try {
    const env = {...process.env, PIPE_STORE_TOKEN: WEB_TOKEN};
    const settings = `store: ${meter.url}\n`;
    const project = (name: string, isPublished: boolean): string => {
      writeStudy(join(base, name), stages, SIZE, settings, isPublished);
      return join(base, name);
    };
    await runPipe(project('maker', true), ['run', 'study'], env);
    const rows: Row[] = [];
    const measured = async (what: string, work: () => Promise<void>): Promise<void> => {
      meter.reset();
      const start = performance.now();
      await work();
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      rows.push({what, measured: `${seconds} s, ${(meter.bytes / 1e6).toFixed(2)} MB`});
    };
    await measured(`a cached study of ${stages} instances, its table`, () =>
      runPipe(project('reader', false), ['run', 'study'], env),
    );
    await measured('the same, and all artifacts into a folder', () =>
      runPipe(project('taker', true), ['run', 'study'], env),
    );
    await runDvc(base, meter.url, measured);
    return rows;
  } finally {
    meter.close();
    await server[Symbol.asyncDispose]();
    rmSync(base, {recursive: true, force: true});
  }
};

async function runDvc(
  base: string,
  url: string,
  measured: (what: string, work: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const program = process.env.DVC ?? findProgram('dvc');
  if (program === undefined)
    return measured('dvc pull: not installed (DVC: its path)', async () => undefined);
  const env = {...process.env, DVC_NO_ANALYTICS: '1'};
  const run = (folder: string, ...args: readonly string[]): Promise<void> =>
    runProgram(program, args, folder, env);
  const maker = join(base, 'dvc');
  mkdirSync(maker);
  await run(maker, 'init', '--no-scm', '-q');
  await run(maker, 'remote', 'add', '-d', 'web', `${url}/dvc`);
  for (const [key, value] of [
    ['auth', 'custom'],
    ['custom_auth_header', 'Authorization'],
    ['password', `Bearer ${WEB_TOKEN}`],
    ['method', 'PUT'],
  ] as const)
    await run(maker, 'remote', 'modify', 'web', key, value);
  cpSync(join(base, 'taker/results'), join(maker, 'results'), {recursive: true});
  await run(maker, 'add', '-q', 'results');
  await run(maker, 'push', '-q');
  const reader = join(base, 'dvc-reader');
  mkdirSync(reader);
  cpSync(join(maker, '.dvc'), join(reader, '.dvc'), {recursive: true});
  cpSync(join(maker, 'results.dvc'), join(reader, 'results.dvc'));
  rmSync(join(reader, '.dvc/cache'), {recursive: true, force: true});
  rmSync(join(reader, '.dvc/tmp'), {recursive: true, force: true});
  await measured('dvc pull of the same artifacts', () => run(reader, 'pull', '-q'));
}

/** Counts what a server sends. */
class Meter {
  readonly url: string;
  readonly close: () => void;
  bytes = 0;

  private constructor(url: string, close: () => void) {
    this.url = url;
    this.close = close;
  }

  static async before(target: string): Promise<Meter> {
    const {hostname, port} = new URL(target);
    const own = await freePort();
    const server = createServer(client => {
      const there = connect(Number(port), hostname);
      client.pipe(there);
      there.on('data', chunk => (meter.bytes += chunk.length));
      there.pipe(client);
      client.on('error', () => there.destroy());
      there.on('error', () => client.destroy());
    });
    await new Promise<void>(done => server.listen(own, '127.0.0.1', done));
    const meter = new Meter(`http://127.0.0.1:${own}`, () => void server.close());
    return meter;
  }

  reset(): void {
    this.bytes = 0;
  }
}
