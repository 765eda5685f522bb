// `{from: stage.output}`: which output of a stage is the file that is meant.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Located} from '../core/source.ts';
import type {Reference} from '../spec/spec.ts';
import type {OutputPlan} from './plan.ts';

/** `what` the file holds, such as `the cells`. Reports a reference that means no file, or several. */
export function fileOutput(
  {value: from, span}: Located<Reference>,
  outputs: Readonly<Record<string, OutputPlan>>,
  what: string,
  report: (diagnostic: Diagnostic) => void,
): string | null {
  const files = Object.keys(outputs).filter(output => outputs[output]?.kind === 'file');
  const [file] = files;
  const output = from.output ?? (files.length === 1 ? file : undefined);
  if (output !== undefined && outputs[output]?.kind === 'file') return output;
  const hint =
    files.length === 0
      ? `let ${from.stage} declare a JSON file as output`
      : `such as {from: ${from.stage}.${file}}`;
  const got =
    from.output === null ? `${from.stage}, which has ${files.length} files` : `the folder ${from.output}`;
  report(mistake('bad-file-reference', `expected one file that holds ${what}, got ${got}`, span, {hint}));
  return null;
}
