// `pipe get`: copies outputs of an instance out of the store, of the parameters that were asked for. What stands in the
// way is left alone unless it was copied there before.

import {join, relative} from 'node:path';
import type {Artifact} from '../../action/action.ts';
import {mistake} from '../../core/diagnostic.ts';
import {giveSigns} from '../../host/presence.ts';
import type {Plan} from '../../plan/plan.ts';
import {quoteArgument} from '../../report/failure.ts';
import {formatBytes} from '../../report/format.ts';
import {paletteOf} from '../../report/palette.ts';
import type {ArtifactFile} from '../../store/store.ts';
import {describeStoreError, type StoreError} from '../../store/store-error.ts';
import {CopiedFiles} from '../copied-files.ts';
import {EXIT, type ExitCode, MachineFailed, refuse} from '../exit.ts';
import {type Found, Inquiry} from '../inquiry.ts';
import {openPipeline, type Pipeline} from '../pipeline.ts';
import {artifactOf, findInstance, sayOther} from '../results.ts';
import type {Invocation, Options, Shell} from '../shell.ts';
import {print} from '../surroundings.ts';
import {fromCwd} from '../workspace.ts';

interface Copy {
  readonly artifact: Artifact;
  /** As the user knows it. */
  readonly shown: string;
  readonly target: string;
  readonly files: readonly ArtifactFile[];
}

export async function get(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const pipeline = await openPipeline(shell, args, options);
  const [selector, output, ...rest] = pipeline.chosen.rest;
  if (selector === undefined)
    refuse('no-instance', 'expected an instance', "such as: pipe get 'train[seed=1]' weights -o weights");
  if (rest.length > 0)
    refuse('too-many-arguments', `expected an instance and an output, got '${rest.join(' ')}' as well`);
  const inquiry = await Inquiry.open(shell, pipeline, options);
  const found = await inquiry.demand(findInstance(inquiry.plan, selector));
  sayOther(shell, found);
  const copies = await copiesOf(shell, pipeline, found, output, options);
  const copied = new CopiedFiles(pipeline.workspace);
  if (!options.force) for (const copy of copies) refuseForeign(shell, copy, copied);
  const palette = paletteOf(shell.outside.stdout.colors);
  // What is staged beside the targets is somebody's, also for those who come after a power cut.
  const stopSigns = giveSigns(pipeline.workspace.store);
  try {
    for (const {artifact, target, files, shown} of copies) {
      const restored = await pipeline.workspace.blobs.restore(artifact, target, 'copy');
      if (!restored.ok) return cannotRestore(restored.error);
      copied.remember(target, files);
      print(shell.outside, [`${palette.done('✓')} ${shown} ${palette.dim(formatBytes(artifact.size))}`]);
    }
  } finally {
    stopSigns();
  }
  await inquiry.close();
  return EXIT.ok;
}

async function copiesOf(
  shell: Shell,
  {workspace: {blobs}, plan}: Pipeline,
  found: Found,
  output: string | undefined,
  options: Options,
): Promise<readonly Copy[]> {
  const {instance, result} = found;
  const names = output === undefined ? Object.keys(result.outputs) : [output];
  if (names.length === 0) refuse('no-output', `${instance.id} has no outputs`, 'pipe show lists its metrics');
  const copies: Copy[] = [];
  for (const name of names) {
    const artifact = artifactOf(instance.id, result, name);
    const planned = instance.outputs[name]?.path ?? name;
    const own = planned === '.' ? name : planned;
    const shown =
      options.output === undefined ? own : names.length === 1 ? options.output : join(options.output, own);
    const brought = await blobs.bring(artifact);
    if (!brought.ok && instance.temporary.includes(name)) refuseDropped(found, name, plan);
    if (!brought.ok) return cannotRestore(brought.error);
    const files = blobs.filesOf(artifact);
    if (!files.ok) return cannotRestore(files.error);
    copies.push({artifact, shown, target: fromCwd(shell, shown), files: files.value});
  }
  return copies;
}

function refuseDropped({instance}: Found, output: string, {file}: Plan): never {
  return refuse(
    'dropped-output',
    `expected the bytes of ${instance.id}.${output}, which is temporary: they were dropped when all that takes them was done`,
    `to make them again, and keep them until the next run of everything: pipe run ${quoteArgument(file)} ${quoteArgument(instance.id)}`,
  );
}

function refuseForeign({outside}: Shell, {target, files}: Copy, copied: CopiedFiles): void {
  const foreign = copied.findForeign(target, files);
  if (foreign === undefined) return;
  const path = relative(outside.cwd, foreign);
  refuse(
    'in-the-way',
    `expected to write ${path}, but something else is there that pipe get did not write`,
    `-o names another place; --force writes over ${quoteArgument(path)}`,
  );
}

function cannotRestore(error: StoreError): never {
  const said = describeStoreError(error);
  if (error.reason === 'io') throw new MachineFailed([mistake('cannot-restore', said)]);
  return refuse('cannot-restore', said, 'run the pipeline again to make it anew');
}
