// What files say: from earlier, where the same bytes were read by the same Python, else asked.

import type {Digest} from '../core/digest.ts';
import type {Json} from '../core/json.ts';
import {type BrokenFile, type FileFacts, isBroken, isFacts, READING} from './facts.ts';
import type {PythonStore} from './python-store.ts';

export interface Questions {
  readonly store: PythonStore;
  /** Of the analyser. */
  readonly ask: (question: Json) => Promise<Json>;
}

/** In the order of the paths. `version`: of the interpreter. */
export async function factsOf(
  paths: readonly string[],
  version: string,
  {store, ask}: Questions,
): Promise<Array<FileFacts | BrokenFile>> {
  const keyOf = (digest: Digest): string => `${READING} ${version} ${digest}`;
  const found = new Map<string, FileFacts | BrokenFile>();
  const unknown: string[] = [];
  for (const path of paths) {
    const digest = store.digestFile(path);
    const kept = digest === undefined ? undefined : store.recall('facts', keyOf(digest));
    if (isFacts(kept)) found.set(path, kept as unknown as FileFacts);
    else unknown.push(path);
  }
  if (unknown.length > 0) {
    const answers = await ask({ask: 'files', paths: unknown});
    if (!Array.isArray(answers)) throw new Error('Internal error: expected what files say');
    for (const [index, path] of unknown.entries()) {
      const said = answers[index] as unknown as FileFacts | BrokenFile;
      found.set(path, said);
      if (!isBroken(said)) store.keep('facts', keyOf(said.digest), said as unknown as Json);
    }
  }
  return paths.map(path => found.get(path)).filter(facts => facts !== undefined);
}
