// `pipe show`: all that is known of an instance, of a stage's instances, or of a result or an artifact by its digest.

import {type Palette, paletteOf} from '../../report/palette.ts';
import {EXIT, type ExitCode, refuse} from '../exit.ts';
import {Inquiry} from '../inquiry.ts';
import {openPipeline} from '../pipeline.ts';
import {findInstances, sayOther} from '../results.ts';
import type {Invocation, Options, Shell} from '../shell.ts';
import {actionJson, drawAction, findAction} from '../show/action-text.ts';
import {artifactJson, drawArtifact, findArtifact} from '../show/artifact-text.ts';
import {drawInstance, drawInstances, instanceJson} from '../show/instance-text.ts';
import {print, printJson} from '../surroundings.ts';

export async function show(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const pipeline = await openPipeline(shell, args, options);
  const [what, ...more] = pipeline.chosen.rest;
  if (more.length > 0)
    refuse('too-many-arguments', `expected one instance or artifact, got '${more.join(' ')}' as well`);
  const inquiry = await Inquiry.open(shell, pipeline, options);
  const palette = paletteOf(outside.stdout.colors);
  const isStage = inquiry.plan.instances.some(({stage}) => stage === what);
  try {
    if (what !== undefined && /^[0-9a-f]{6,64}$/.test(what) && !isStage) {
      const action = await findAction(pipeline.workspace, what);
      if (action !== undefined) {
        if (options.json) printJson(outside, actionJson(action));
        else print(outside, await drawAction(pipeline.workspace, action, palette));
        return EXIT.ok;
      }
      const found = await findArtifact(inquiry, what);
      if (options.json) printJson(outside, artifactJson(found));
      else print(outside, drawArtifact(pipeline.workspace, found, palette));
      return EXIT.ok;
    }
    return await showInstances(shell, inquiry, what, options, palette);
  } finally {
    await inquiry.close();
  }
}

/** One instance whole, or a line for each of several. Exit code 1 where the one has no result. */
async function showInstances(
  shell: Shell,
  inquiry: Inquiry,
  what: string | undefined,
  options: Options,
  palette: Palette,
): Promise<ExitCode> {
  const {outside} = shell;
  const all = await inquiry.of(findInstances(inquiry.plan, what === undefined ? [] : [what]));
  const [only] = all;
  if (only === undefined || all.length > 1) {
    if (options.json)
      printJson(
        outside,
        all.map(known => instanceJson(inquiry, known)),
      );
    else print(outside, drawInstances(inquiry.plan, all, palette));
    return EXIT.ok;
  }
  if (options.json) printJson(outside, instanceJson(inquiry, only));
  else print(outside, await drawInstance(inquiry, only, palette));
  if (only.status === 'missing') return inquiry.refuse(only);
  sayOther(shell, only);
  return EXIT.ok;
}
