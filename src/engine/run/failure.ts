// What ONNX Runtime says of a program that it refuses or that fails, in terms of the op and the line that it comes from.

import {EngineError} from '../errors.ts';
import type {Origin} from '../ir/value.ts';
import {placeOf} from '../trace/place.ts';

/** The TF.js op and the stack of each node, by the node's name in the model. */
export type Origins = ReadonlyMap<string, Origin>;

/** Nodes are named in the message from the loop inwards: the last is the one that failed. */
const nameIn = (message: string): string | undefined =>
  [...message.matchAll(/Name:'([^']+)'|Node \(([^)]+)\)|[Nn]ode:\s*([^\s]+)/g)]
    .map(match => match[1] ?? match[2] ?? match[3])
    .at(-1);

/** The last sentence, without positions in ONNX Runtime's own source. */
const reasonIn = (message: string): string =>
  message
    .split(/Status Message: |was false\.\s*/)
    .at(-1)
    ?.replace(/^\/\S+\s+\S+::[^\n]*?\)\s*/, '')
    .split('\n')[0]
    ?.trim()
    .slice(0, 300) ?? message;

/** The error as one of the engine, with the place in the user's code where it is known. */
export function explainFailure(name: string, error: unknown, origins: Origins): EngineError {
  const message = error instanceof Error ? error.message : String(error);
  const origin = origins.get(nameIn(message) ?? '');
  const what = origin === undefined ? '' : `tf.${origin.op}: `;
  return new EngineError(
    `${name}: ${what}ONNX Runtime refuses it: ${reasonIn(message)}`,
    origin === undefined ? '' : placeOf(origin.stack),
  );
}
