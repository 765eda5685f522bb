// The colours of everything that `pipe` prints, by what they mean. Without colour, each is the identity.

import {Chalk} from 'chalk';
import {type DiagnosticStyle, plainStyle} from '../core/diagnostic.ts';

/** 0: none, 1: sixteen colours, 2: 256, 3: true colour. */
export type ColorLevel = 0 | 1 | 2 | 3;

export type Paint = (text: string) => string;

export interface Palette {
  readonly done: Paint;
  readonly cached: Paint;
  readonly failed: Paint;
  readonly warning: Paint;
  readonly running: Paint;
  /** Names: instances, stages, files. */
  readonly name: Paint;
  readonly strong: Paint;
  readonly dim: Paint;
  readonly diagnostic: DiagnosticStyle;
}

const plain: Paint = text => text;

export const plainPalette: Palette = {
  done: plain,
  cached: plain,
  failed: plain,
  warning: plain,
  running: plain,
  name: plain,
  strong: plain,
  dim: plain,
  diagnostic: plainStyle,
};

export function paletteOf(level: ColorLevel): Palette {
  if (level === 0) return plainPalette;
  const chalk = new Chalk({level});
  return {
    done: text => chalk.green(text),
    cached: text => chalk.cyan(text),
    failed: text => chalk.red(text),
    warning: text => chalk.yellow(text),
    running: text => chalk.blueBright(text),
    name: text => chalk.bold(text),
    strong: text => chalk.bold(text),
    dim: text => chalk.dim(text),
    diagnostic: {
      error: text => chalk.red.bold(text),
      warning: text => chalk.yellow.bold(text),
      dim: text => chalk.dim(text),
      strong: text => chalk.bold(text),
    },
  };
}
