// Workers on other machines, started by the system's `ssh` and ended with it: each has this process at its standard
// input, and leaves when that ends. The address of the queue travels there as well, where no list of processes shows it.

import {spawn} from 'node:child_process';
import {createInterface} from 'node:readline';
import {printable} from '../core/printable.ts';
import {EXIT, type ExitCode} from './exit.ts';
import type {Options, Shell} from './shell.ts';

/** Every host's worker in the foreground, until all have ended or this one is told to. Exit code 1 where one failed. */
export async function workersBySsh(
  {outside}: Shell,
  url: string,
  hosts: readonly string[],
  options: Options,
): Promise<ExitCode> {
  const say = (host: string, line: string): void =>
    outside.stderr.screen.write(`${host}: ${printable(line)}\n`);
  const command = [options.command ?? 'pipe', 'worker', '-', ...forwarded(options).map(quote)].join(' ');
  const workers = hosts.map(host => {
    const child = spawn('ssh', ['-o', 'BatchMode=yes', host, command], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', line => say(host, line));
    }
    // A host that is gone closes it; how it ended is told below.
    child.stdin.on('error', () => undefined);
    child.stdin.write(`${url}\n`);
    const ended = new Promise<number>(resolve => {
      child.once('error', error => {
        say(host, error.message);
        resolve(EXIT.failed);
      });
      child.once('close', code => {
        say(host, code === 0 ? 'left' : `ended with ${code ?? 'a signal'}`);
        resolve(code ?? EXIT.failed);
      });
    });
    return {child, ended};
  });
  const release = outside.onInterrupt(() => {
    for (const {child} of workers) child.stdin.end();
  });
  try {
    const codes = await Promise.all(workers.map(({ended}) => ended));
    return codes.every(code => code === 0) ? EXIT.ok : EXIT.failed;
  } finally {
    release();
  }
}

/** What was said of a worker here is said of each there. */
const forwarded = ({
  jobs,
  memory,
  gpus,
  label,
  store,
  folder,
  cacheSize,
  mirror,
  lease,
}: Options): string[] => [
  ...(jobs === undefined ? [] : ['--jobs', String(jobs)]),
  ...(memory === undefined ? [] : ['--memory', memory]),
  ...(gpus === undefined ? [] : ['--gpus', gpus.join(',')]),
  ...(label ?? []).flatMap(each => ['--label', each]),
  ...(store === undefined ? [] : ['--store', store]),
  ...(folder === undefined ? [] : ['--folder', folder]),
  ...(mirror === undefined ? [] : ['--mirror', mirror]),
  ...(cacheSize === undefined ? [] : ['--cache-size', cacheSize]),
  ...(lease === undefined ? [] : ['--lease', String(lease)]),
];

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
