// `{from: stage.output}`: which output of a stage is the file that is meant.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Located} from '../core/source.ts';
import type {Reference} from '../spec/spec.ts';
import type {Instance} from './plan.ts';

/** `what` the file holds, such as `the cells`. Reports a reference that means no file, several, or one that goes. */
export function fileOutput(
  {value: from, span}: Located<Reference>,
  {outputs, temporary}: Pick<Instance, 'outputs' | 'temporary'>,
  what: string,
  report: (diagnostic: Diagnostic) => void,
): string | null {
  const files = Object.keys(outputs).filter(output => outputs[output]?.kind === 'file');
  const [file] = files;
  const output = from.output ?? (files.length === 1 ? file : undefined);
  if (output !== undefined && outputs[output]?.kind === 'file') {
    if (!temporary.includes(output)) return output;
    const message = `expected a file that stays, since every plan reads it, got the temporary ${from.stage}.${output}`;
    report(
      mistake('temporary-plan-file', message, span, {hint: `leave it out of \`temporary\` of ${from.stage}`}),
    );
    return null;
  }
  const hint =
    files.length === 0
      ? `let ${from.stage} declare a JSON file as output`
      : `such as {from: ${from.stage}.${file}}`;
  const got =
    from.output === null ? `${from.stage}, which has ${files.length} files` : `the folder ${from.output}`;
  report(mistake('bad-file-reference', `expected one file that holds ${what}, got ${got}`, span, {hint}));
  return null;
}
