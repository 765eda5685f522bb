// The declaration of a stage whose text alone does not say it: a fresh Python imports the module and answers.

import {spawn} from 'node:child_process';
import {join} from 'node:path';
import {isJsonObject, parseJson} from '../core/json.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {SaidDeclaration} from './facts.ts';
import type {PythonEntry} from './python-store.ts';
import {templateSetup} from './template-setup.ts';

export interface Describer {
  readonly executable: string;
  /** Where pipe's own Python files are, absolute. */
  readonly folder: string;
  /** Absolute. */
  readonly project: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface DescribeProblem {
  readonly message: string;
  readonly hint: string | undefined;
  /** The part of the traceback that is the project's; empty for a mistake that needs none. */
  readonly stack: string;
}

export async function describeModule(
  {executable, folder, project, env}: Describer,
  entry: PythonEntry,
): Promise<Result<SaidDeclaration, DescribeProblem>> {
  const {code, out, said} = await runPython(
    executable,
    [join(folder, 'pipe_describe.py')],
    project,
    env,
    `${JSON.stringify(templateSetup(entry, project))}\n`,
  );
  const answer = parseJson(out.trim());
  if (!isJsonObject(answer)) {
    const message = `Python ended with code ${code}`;
    return err({message, hint: undefined, stack: said.trim().slice(-2000)});
  }
  if (answer.kind === 'static') return ok(answer as unknown as SaidDeclaration);
  const failure = isJsonObject(answer.failure) ? answer.failure : {};
  return err({
    message: String(failure.message),
    hint: typeof failure.hint === 'string' ? failure.hint : undefined,
    stack: typeof failure.stack === 'string' ? failure.stack : '',
  });
}

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly said: string;
}

function runPython(
  program: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
  input: string,
): Promise<Ended> {
  return new Promise(resolve => {
    const child = spawn(program, args, {cwd, env, stdio: ['pipe', 'pipe', 'pipe']});
    let [out, said] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.stdin.on('error', () => {});
    child.once('error', error => resolve({code: null, out, said: String(error)}));
    child.once('close', code => resolve({code, out, said}));
    child.stdin.end(input);
  });
}
