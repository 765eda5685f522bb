// A definition → a program on a device.

import {EngineError} from './errors.ts';
import {blockSize} from './layout/block-size.ts';
import {scanModel} from './onnx/scan.ts';
import {stepModel} from './onnx/step.ts';
import {optimize} from './optimize.ts';
import type {CompileOptions, Definition, Program} from './program.ts';
import {chooseDevice} from './run/devices.ts';
import {EagerProgram} from './run/eager.ts';
import {checkTensor} from './run/host.ts';
import {OrderedProgram} from './run/ordered.ts';
import {ScannedProgram} from './run/scanned.ts';
import {leaseFor, sessionOptions} from './run/session.ts';
import {SteppedProgram} from './run/stepped.ts';
import {findTfjs} from './run/tfjs.ts';
import {trace} from './trace/trace.ts';

/** The same steps in plain ONNX: traced again, with images in the form that every runtime has. */
function portableModel(definition: Definition): Uint8Array {
  const {builder, graph} = trace(definition);
  return scanModel(optimize(builder, graph, {block: undefined})).bytes;
}

/**
 * Traces the step once, compiles it, and holds its state.
 * @throws EngineError for mistakes in the definition, with the op and the place in the user's code.
 */
export async function compile(definition: Definition, options: CompileOptions = {}): Promise<Program> {
  return new OrderedProgram(definition, await open(definition, options));
}

/**
 * Runs the step once as `compile` does, and computes nothing: for what a step does beside returning tensors.
 * @throws EngineError as `compile` does.
 */
export function rehearse(definition: Definition): void {
  trace(definition);
}

async function open(definition: Definition, options: CompileOptions): Promise<Program> {
  const {threads = 1} = options;
  if (!Number.isSafeInteger(threads) || threads < 1)
    throw new EngineError(`expected threads to be a whole number of at least 1, got ${threads}`);
  for (const [group, tensors] of Object.entries({
    state: definition.state,
    resident: definition.resident ?? {},
  }))
    for (const [name, tensor] of Object.entries(tensors)) checkTensor(`${group}.${name}`, tensor);
  const device = await chooseDevice(options.device ?? 'auto', threads);
  if (device.kind === 'tfjs') return new EagerProgram(definition, (await findTfjs()).backend, device);
  const {builder, graph: traced} = trace(definition);
  const block = device.kind === 'cpu' ? await blockSize() : undefined;
  const graph = optimize(builder, traced, {block});
  if (device.kind === 'webgpu')
    return SteppedProgram.open(definition, graph, stepModel(graph), device, () => portableModel(definition));
  const model = scanModel(graph);
  const held = await leaseFor(definition.name, model, device.kind, sessionOptions(device.kind, threads));
  return new ScannedProgram(definition, graph, model, held, device, () => portableModel(definition));
}
