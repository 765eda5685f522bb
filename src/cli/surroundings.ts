// What enters from outside: streams, environment, working directory, clock. Commands get these and touch no globals.

import type {Json} from '../core/json.ts';
import type {ColorLevel} from '../report/palette.ts';
import type {Clock, Screen} from '../report/reporter.ts';

export interface Surroundings {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /**
   * Calls `listener` at each Ctrl-C, TERM or HUP, which then end nothing by themselves, until the answer is called.
   * Whoever sends TERM or HUP (a scheduler, a closed terminal) does not send it twice.
   */
  readonly onInterrupt: (listener: (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') => void) => () => void;
}

export interface Output {
  readonly isTerminal: boolean;
  readonly colors: ColorLevel;
  readonly screen: Screen;
}

export function surroundingsOf(process: NodeJS.Process): Surroundings {
  const {env} = process;
  return {
    cwd: process.cwd(),
    env,
    stdout: outputOf(process.stdout, env),
    stderr: outputOf(process.stderr, env),
    clock: {
      now: Date.now,
      every: (ms, tick) => {
        const timer = setInterval(tick, ms).unref();
        return () => clearInterval(timer);
      },
    },
    random: Math.random,
    onInterrupt: listener => {
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
      for (const signal of signals) process.on(signal, listener);
      return () => {
        for (const signal of signals) process.off(signal, listener);
      };
    },
  };
}

function outputOf(stream: NodeJS.WriteStream, env: Surroundings['env']): Output {
  const isTerminal = stream.isTTY === true && env.TERM !== 'dumb' && !isSet(env.CI);
  return {
    isTerminal,
    colors: colorLevel(stream, env),
    screen: {
      write: text => void stream.write(text),
      size: () => ({columns: stream.columns || widthSaid(env) || 80, rows: stream.rows || 24}),
    },
  };
}

const widthSaid = (env: Surroundings['env']): number => Number(env.COLUMNS) || 0;

/** `NO_COLOR` (no-color.org) and `FORCE_COLOR` win over what the terminal can do. */
function colorLevel(stream: NodeJS.WriteStream, env: Surroundings['env']): ColorLevel {
  if (isSet(env.NO_COLOR)) return 0;
  const forced = env.FORCE_COLOR;
  if (forced === '0' || forced === 'false') return 0;
  if (forced !== undefined) return forced === '2' || forced === '3' ? (Number(forced) as ColorLevel) : 1;
  if (stream.isTTY !== true || env.TERM === 'dumb') return 0;
  const depth = stream.getColorDepth({...env});
  return depth >= 24 ? 3 : depth >= 8 ? 2 : depth >= 4 ? 1 : 0;
}

const isSet = (value: string | undefined): boolean => value !== undefined && value !== '' && value !== '0';

/** Writes lines to standard output. */
export function print({stdout}: Surroundings, lines: readonly string[]): void {
  if (lines.length > 0) stdout.screen.write(`${lines.join('\n')}\n`);
}

export const printJson = (outside: Surroundings, value: Json): void =>
  print(outside, [JSON.stringify(value, null, 2)]);
