// The entry of the process that reads declarations: imports stage modules, so that their top level runs neither in the
// command line nor with its environment. The process ends itself when its parent is gone.

import {pathToFileURL} from 'node:url';
import type {JsonObject} from '../core/json.ts';
import {toJson} from '../core/json-value.ts';
import {err, ok, type Result} from '../core/result.ts';
import {describeDefinition} from '../stage/declaration.ts';
import type {StageDefinition} from '../stage/define.ts';
import {
  type CheckedParameters,
  type DeclarationAnswer,
  isQuestion,
  type LoadFailure,
  type ParameterIssue,
} from './declaration-protocol.ts';

/** The type of answer that is owed while a module is loading. */
let owed: DeclarationAnswer['type'] | undefined;

process.on('disconnect', () => process.exit(0));
process.on('message', question => {
  if (isQuestion(question)) void answer(question);
});
// The channel does not hold the process while a module loads: if nothing else does, the module will never settle.
process.on('beforeExit', () => {
  if (owed !== undefined) send({type: owed, result: err({reason: 'unsettled'})});
});
process.on('uncaughtException', error => {
  if (owed !== undefined) send({type: owed, result: err(threw(error))});
});

async function answer(question: Parameters<typeof isQuestion>[0]): Promise<void> {
  if (!isQuestion(question)) return;
  if (question.type === 'declare') {
    const loaded = await load(question.entry, 'declared');
    const described = loaded.ok ? describeDefinition(loaded.value) : loaded;
    const result =
      described.ok || typeof described.error !== 'string'
        ? (described as Result<never, LoadFailure>)
        : err({reason: 'unfit', problem: described.error} as const);
    send({type: 'declared', result});
  } else {
    const loaded = await load(question.entry, 'checked');
    if (!loaded.ok) return send({type: 'checked', result: loaded});
    const {params} = loaded.value as StageDefinition;
    send({type: 'checked', result: ok(question.params.map(given => check(params, given)))});
  }
}

/** The default export. */
async function load(entry: string, type: DeclarationAnswer['type']): Promise<Result<unknown, LoadFailure>> {
  owed = type;
  process.channel?.unref();
  try {
    const module: {readonly default?: unknown} = await import(pathToFileURL(entry).href);
    return ok(module.default);
  } catch (error) {
    return err(threw(error));
  } finally {
    owed = undefined;
    process.channel?.ref();
  }
}

const threw = (error: unknown): LoadFailure =>
  error instanceof Error
    ? {reason: 'threw', message: error.message, stack: error.stack ?? ''}
    : {reason: 'threw', message: String(error), stack: ''};

function check(schema: StageDefinition['params'], given: JsonObject): CheckedParameters {
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    return {
      ok: false,
      issues: parsed.error.issues.map(issue => JSON.parse(JSON.stringify(issue)) as ParameterIssue),
    };
  }
  const strangers: string[] = [];
  const value = toJson(parsed.data, path => strangers.push(path));
  return {ok: true, value, strangers};
}

function send(message: DeclarationAnswer): void {
  owed = undefined;
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}
