// `slurm:` of pipe.config.yaml: how pilots are asked for. One line, `executor: slurm`, is enough where the project lies
// on a file system that all nodes see.

import {closest} from '../core/closest.ts';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Node as Tree} from '../spec/tree.ts';

export interface SlurmConfig {
  /** A folder that all nodes see, relative to the project or absolute. */
  readonly share: string;
  readonly partition: string | null;
  readonly account: string | null;
  /** A pilot's time limit. */
  readonly minutes: number;
  /** Pilots at once. */
  readonly pilots: number;
  /** Seconds that a pilot waits for another job. */
  readonly idle: number;
  /** Where a node keeps its own copies. */
  readonly scratch: string;
  /** What starts `pipe` on a node, where it is not at the same place as here. */
  readonly command: readonly string[] | null;
  readonly flags: readonly string[];
}

export const defaultSlurm: SlurmConfig = {
  share: 'cache',
  partition: null,
  account: null,
  minutes: 60,
  pilots: 8,
  idle: 30,
  scratch: '/tmp',
  command: null,
  flags: [],
};

const TEXTS = ['share', 'partition', 'account', 'scratch'] as const;
const COUNTS = ['minutes', 'pilots', 'idle'] as const;
const LISTS = ['command', 'flags'] as const;
const KEYS = [...TEXTS, ...COUNTS, ...LISTS];

const isOneOf = <T extends string>(names: readonly T[], name: string): name is T =>
  names.some(known => known === name);

/** Settings from their place in the file; mistakes are added to `mistakes`. */
export function readSlurm(tree: Tree, describe: (tree: Tree) => string, mistakes: Diagnostic[]): SlurmConfig {
  const config: {-readonly [K in keyof SlurmConfig]: SlurmConfig[K]} = {...defaultSlurm};
  const wrong = (expected: string, at: Tree): void =>
    void mistakes.push(mistake('wrong-type', `expected ${expected}, got ${describe(at)}`, at.span));
  if (tree.kind !== 'map') {
    wrong('a map', tree);
    return config;
  }
  for (const {key, value} of tree.entries) {
    const name = key.value;
    const scalar = value.kind === 'scalar' ? value.value : undefined;
    if (isOneOf(TEXTS, name)) {
      if (typeof scalar === 'string' && scalar !== '') config[name] = scalar;
      else wrong('text', value);
    } else if (isOneOf(COUNTS, name)) {
      if (typeof scalar === 'number' && Number.isInteger(scalar) && scalar > 0) config[name] = scalar;
      else wrong('a whole number from 1 up', value);
    } else if (isOneOf(LISTS, name)) {
      const texts = value.kind === 'list' ? value.items.map(textOf) : [];
      if (texts.length > 0 && texts.every(text => text !== undefined)) config[name] = texts;
      else wrong('a list of texts', value);
    } else {
      const near = closest(name, KEYS);
      const hint = near === undefined ? `known are ${KEYS.join(', ')}` : `did you mean ${near}?`;
      mistakes.push(mistake('unknown-key', `expected a key of slurm, got '${name}'`, key.span, {hint}));
    }
  }
  return config;
}

const textOf = (tree: Tree): string | undefined =>
  tree.kind === 'scalar' && typeof tree.value === 'string' ? tree.value : undefined;
