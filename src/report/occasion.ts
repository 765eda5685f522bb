// How a result was made, in words: the sources' commit, and what it took of the machine.

import type {GitState, Prefix, Usage} from '../action/action.ts';
import {formatBytes, formatDuration} from './format.ts';

export const gitText = ({commit, isClean}: GitState): string =>
  `commit ${commit.slice(0, 12)}${isClean ? ', clean' : ', with changes that are not in it'}`;

/** What was not made again: `epochs=100, made as 0123456789ab`. */
export const continuedText = ({parameter, value, fingerprint}: Prefix): string =>
  `${parameter}=${value}, made as ${fingerprint.slice(0, 12)}`;

/** `12.3 s CPU time`, `1.20 GB at most`; nothing of what nobody measured. */
export const usageText = ({cpuMs, peakBytes}: Usage): string[] => [
  ...(cpuMs === null ? [] : [`${formatDuration(cpuMs)} CPU time`]),
  ...(peakBytes === null ? [] : [`${formatBytes(peakBytes)} memory at most`]),
];
