// A definition → a program on a device.

import {EngineError} from './errors.ts';
import {blockSize} from './layout/block-size.ts';
import {scanModel} from './onnx/scan.ts';
import {optimize} from './optimize.ts';
import type {CompileOptions, Definition, Device, Program} from './program.ts';
import {checkTensor} from './run/host.ts';
import {ScannedProgram} from './run/scanned.ts';
import {lease, sessionOptions} from './run/session.ts';
import {trace} from './trace/trace.ts';

/**
 * Traces the step once, compiles it, and holds its state.
 * @throws EngineError for mistakes in the definition, with the op and the place in the user's code.
 */
export async function compile(definition: Definition, options: CompileOptions = {}): Promise<Program> {
  const {threads = 1} = options;
  if (!Number.isSafeInteger(threads) || threads < 1)
    throw new EngineError(`expected threads to be a whole number of at least 1, got ${threads}`);
  for (const [group, tensors] of Object.entries({
    state: definition.state,
    resident: definition.resident ?? {},
  }))
    for (const [name, tensor] of Object.entries(tensors)) checkTensor(`${group}.${name}`, tensor);
  const {builder, graph: traced} = trace(definition);
  const graph = optimize(builder, traced, {block: await blockSize()});
  const model = scanModel(graph);
  const device: Device = {kind: 'cpu', name: 'ONNX Runtime on cpu', reason: 'asked for'};
  const held = await lease(model.bytes, 'cpu', sessionOptions('cpu', threads));
  return new ScannedProgram(definition, graph, model, held, device);
}
