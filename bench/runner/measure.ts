// Times whole processes, interleaved over the tools, and gives medians. Nothing here knows what is measured.

import {spawn} from 'node:child_process';
import {readFileSync} from 'node:fs';
import type {Command} from './projects.ts';

export interface Finished {
  /** Wall-clock milliseconds from spawn to exit. */
  readonly ms: number;
  /** Largest resident size of the process itself, in bytes; 0 where the platform does not say. */
  readonly peakBytes: number;
}

/** Runs a command to its end. Throws, with its output, when it exits non-zero. */
export function runCommand(command: Command, cwd: string): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(command.program, command.args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: plainEnv(),
    });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-4000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    let peakBytes = 0;
    const sample = (): void => {
      peakBytes = Math.max(peakBytes, peakOf(child.pid));
    };
    const timer = setInterval(sample, 10);
    child.on('error', reject);
    child.on('close', code => {
      clearInterval(timer);
      const ms = performance.now() - start;
      if (code === 0) resolve({ms, peakBytes});
      else reject(new Error(`${command.program} ${command.args.join(' ')} exited with ${code}:\n${output}`));
    });
  });
}

/** No colour and no terminal, so that every tool prints the same way. */
const plainEnv = (): NodeJS.ProcessEnv => ({...process.env, NO_COLOR: '1', CI: '1'});

function peakOf(pid: number | undefined): number {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export interface Contestant {
  readonly name: string;
  readonly command: Command;
  readonly cwd: string;
  /** How often it runs; slow peers may run less often than the others. */
  readonly times: number;
  /** Before each timed run, such as emptying a cache. */
  readonly before?: () => void;
}

export type Medians = ReadonlyMap<
  string,
  {readonly ms: number; readonly peakBytes: number; readonly runs: number}
>;

/** Runs the contestants in turn (A B C A B C …), so that a drift of the machine meets all of them. */
export async function race(contestants: readonly Contestant[]): Promise<Medians> {
  const runs = new Map<string, Finished[]>(contestants.map(({name}) => [name, []]));
  const rounds = Math.max(...contestants.map(({times}) => times));
  for (let round = 0; round < rounds; round++) {
    for (const {name, command, cwd, times, before} of contestants) {
      if (round >= times) continue;
      before?.();
      runs.get(name)?.push(await runCommand(command, cwd));
    }
  }
  return new Map(
    [...runs].map(([name, finished]) => [
      name,
      {
        ms: median(finished.map(({ms}) => ms)),
        peakBytes: Math.max(...finished.map(({peakBytes}) => peakBytes)),
        runs: finished.length,
      },
    ]),
  );
}
