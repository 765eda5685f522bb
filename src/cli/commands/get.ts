// `pipe get`: copies outputs of an instance out of the store.

import {join} from 'node:path';
import {formatBytes} from '../../report/format.ts';
import {paletteOf} from '../../report/palette.ts';
import {describeStoreError} from '../../store/store-error.ts';
import {EXIT, type ExitCode, refuse} from '../exit.ts';
import {openPipeline} from '../pipeline.ts';
import {artifactOf, findInstance, resultOf} from '../results.ts';
import type {Invocation, Shell} from '../shell.ts';
import {print} from '../surroundings.ts';
import {fromCwd} from '../workspace.ts';

export async function get(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const pipeline = await openPipeline(shell, args, options);
  const [selector, output, ...rest] = pipeline.chosen.rest;
  if (selector === undefined)
    refuse('no-instance', 'expected an instance', "such as: pipe get 'train[seed=1]' weights -o weights");
  if (rest.length > 0)
    refuse('too-many-arguments', `expected an instance and an output, got '${rest.join(' ')}' as well`);
  const instance = findInstance(pipeline.plan, selector);
  const result = resultOf(pipeline, instance.id);
  const names = output === undefined ? Object.keys(result.outputs) : [output];
  const [only] = names;
  if (only === undefined) refuse('no-output', `${instance.id} has no outputs`, 'pipe show lists its metrics');
  const palette = paletteOf(shell.outside.stdout.colors);
  for (const name of names) {
    const artifact = artifactOf(instance.id, result, name);
    const planned = instance.outputs[name]?.path ?? name;
    const own = planned === '.' ? name : planned;
    const target =
      options.output === undefined ? own : names.length === 1 ? options.output : join(options.output, own);
    const restored = await pipeline.workspace.blobs.restore(artifact, fromCwd(shell, target), 'copy');
    if (!restored.ok)
      refuse('cannot-restore', describeStoreError(restored.error), 'run the pipeline again to make it anew');
    print(shell.outside, [`${palette.done('✓')} ${target} ${palette.dim(formatBytes(artifact.size))}`]);
  }
  pipeline.workspace.files.save();
  return EXIT.ok;
}
