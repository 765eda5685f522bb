// The file of a `with: {from: …}` → parameters by name: a JSON object. Mistakes are places in that file.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {Located, SourceFile, Span} from '../core/source.ts';
import {parseJson} from '../spec/json-tree.ts';
import {nameMistake} from '../spec/name.ts';
import {CHOOSER_KEY} from '../spec/read-values.ts';
import {moved} from '../spec/reference.ts';
import {describe, type Node} from '../spec/tree.ts';
import {readFrom} from './cells.ts';

/** One parameter that a file gives. Its node stands where the pipeline names the file, and remembers its origin. */
export interface ChosenValue {
  readonly name: Located<string>;
  readonly node: Node;
}
export type Choice = readonly ChosenValue[];

const SHAPE = 'an object of parameters such as {"lr": 0.1, "rho": 0.05}';

export function readChoice(file: SourceFile, place: Span): Result<Choice, readonly Diagnostic[]> {
  const {tree, mistakes: found} = parseJson(file);
  const mistakes = [...found];
  if (tree && tree.kind !== 'map') {
    mistakes.push(mistake('bad-choice', `expected ${SHAPE}, got ${describe(tree)}`, tree.span));
  }
  const choice: ChosenValue[] = [];
  for (const {key, value} of tree?.kind === 'map' ? tree.entries : []) {
    const bad = key.value === CHOOSER_KEY ? reserved(key) : nameMistake('a parameter', key);
    if (bad) mistakes.push(bad);
    else choice.push({name: key, node: moved(value, place)});
  }
  return mistakes.length === 0 ? ok(choice) : err(mistakes.map(each => readFrom(each, place)));
}

const reserved = (key: Located<string>): Diagnostic =>
  mistake(
    'bad-name',
    `expected a name for a parameter, got '${key.value}', which has a meaning of its own`,
    key.span,
  );
