// The other pipelines of the project, as far as one has to know of them: where they publish.

import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {type Digest, digestBytes} from '../core/digest.ts';
import {hasCode} from '../host/system-error.ts';
import type {TreeCache} from '../spec/read-pipeline.ts';
import type {PipelineSpec} from '../spec/spec.ts';
import {listPipelines} from './project.ts';

/** Digest of each one's text, by file. */
export type SiblingTexts = Readonly<Record<string, Digest>>;

export const siblingTexts = (project: string, file: string): SiblingTexts =>
  Object.fromEntries([...textsOf(project, file)].map(([path, text]) => [path, digestBytes(text)]));

/** Those that can be read: what is wrong with another pipeline is said when it is run. */
export async function readSiblings(
  project: string,
  file: string,
  trees: TreeCache,
): Promise<readonly PipelineSpec[]> {
  const {readPipeline} = await import('../spec/read-pipeline.ts');
  const specs: PipelineSpec[] = [];
  for (const [path, text] of textsOf(project, file)) {
    const spec = await readPipeline({path, text}, {trees});
    if (spec.ok) specs.push(spec.value);
  }
  return specs;
}

function textsOf(project: string, file: string): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const path of listPipelines(project)) {
    if (path === file) continue;
    try {
      texts.set(path, readFileSync(join(project, path), 'utf8'));
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'EISDIR', 'EACCES')) throw error;
    }
  }
  return texts;
}
