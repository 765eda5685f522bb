// One step → a model that runs as many steps as its scanned inputs have slices (ONNX's Scan).
// What does not change from step to step is computed once, outside of the loop; state that a step
// returns as it was is not carried at all.

import type {onnx} from 'onnx-proto';
import {reach} from '../ir/reach.ts';
import type {Graph, NamedValue, Origin, StateEntry, Value} from '../ir/value.ts';
import {constantProtos, encodeModel, Names, nameExits, tensorInfo} from './encode.ts';

/** Names of the model's inputs and outputs. */
export const stateInput = (name: string): string => `state.${name}`;
export const stateOutput = (name: string): string => `next.${name}`;
export const residentInput = (name: string): string => `resident.${name}`;
export const scannedInput = (name: string): string => `scanned.${name}`;
export const metricOutput = (name: string): string => `metric.${name}`;
/** Given where nothing is scanned, so that the number of steps is known. */
export const stepsInput = 'steps';

export const isCarried = (entry: StateEntry): boolean => entry.input !== entry.output;

export interface Model {
  readonly bytes: Uint8Array;
  /** The names of the state entries that steps change, in the order of the graph. */
  readonly carried: readonly StateEntry[];
  /** Where each node comes from, by its name. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** Names of the nodes that WebGPU claims but cannot compute. */
  readonly hostNodes: readonly string[];
}

/** WebGPU's MaxPool fails when it is run, not when it is chosen, if it is asked for the places of the maxima. */
export const hostNodesIn = (nodes: readonly onnx.INodeProto[]): string[] =>
  nodes.flatMap(({name, opType, output}) =>
    opType === 'MaxPool' && (output?.length ?? 0) > 1 && typeof name === 'string' ? [name] : [],
  );

/** The values that depend on what changes from step to step. */
function varying(graph: Graph, roots: readonly Value[]): (value: Value) => boolean {
  const changing = new Set<Value>(roots);
  for (const node of reach([...graph.state.map(s => s.output), ...graph.metrics.map(m => m.value)]).nodes)
    if (node.inputs.some(v => changing.has(v))) for (const v of node.outputs) changing.add(v);
  return value => changing.has(value);
}

export function scanModel(graph: Graph): Model {
  const carried = graph.state.filter(isCarried);
  const still = graph.state.filter(s => !isCarried(s));
  const roots = [...carried.map(s => s.input), ...graph.scanned.map(s => s.value)];
  const isVarying = varying(graph, roots);
  const {nodes, constants} = reach([...carried.map(s => s.output), ...graph.metrics.map(m => m.value)]);

  const names = new Names();
  for (const s of graph.state) names.set(s.input, isCarried(s) ? `in.${s.name}` : stateInput(s.name));
  for (const r of graph.resident) names.set(r.value, residentInput(r.name));
  for (const s of graph.scanned) names.set(s.value, `slice.${s.name}`);
  const initializer = constantProtos(names, constants);
  const isInner = (node: {readonly outputs: readonly Value[]}): boolean => node.outputs.some(isVarying);
  const outer = nodes.filter(n => !isInner(n)).map(n => names.node(n));
  const inner = nodes.filter(isInner).map(n => names.node(n));

  // Outputs of the body have names of their own: one value may leave twice, or be an input.
  const leaving = [
    ...carried.map(s => ({from: s.output, to: `out.${s.name}`})),
    ...graph.metrics.map(m => ({from: m.value, to: `each.${m.name}`})),
  ];
  const exits = nameExits(names, inner, leaving);
  const scans: readonly {
    readonly inside: string;
    readonly outside: string;
    readonly value: NamedValue | undefined;
  }[] =
    graph.scanned.length > 0
      ? graph.scanned.map(s => ({inside: `slice.${s.name}`, outside: scannedInput(s.name), value: s}))
      : [{inside: 'slice', outside: stepsInput, value: undefined}];

  const body: onnx.IGraphProto = {
    name: 'step',
    node: [...inner, ...exits],
    input: [
      ...carried.map(s => tensorInfo(`in.${s.name}`, s.input.type, s.input.shape)),
      ...scans.map(s => tensorInfo(s.inside, s.value?.value.type ?? 'bool', s.value?.value.shape ?? [])),
    ],
    output: leaving.map(({from, to}) => tensorInfo(to, from.type, from.shape)),
  };
  const loop: onnx.INodeProto = {
    name: 'steps',
    opType: 'Scan',
    input: [...carried.map(s => stateInput(s.name)), ...scans.map(s => s.outside)],
    output: [...carried.map(s => stateOutput(s.name)), ...graph.metrics.map(m => metricOutput(m.name))],
    attribute: [
      {name: 'body', type: 5, g: body},
      {name: 'num_scan_inputs', type: 2, i: scans.length},
    ],
  };
  const bytes = encodeModel({
    name: graph.name,
    node: [...outer, loop],
    initializer,
    input: [
      ...[...carried, ...still].map(s => tensorInfo(stateInput(s.name), s.input.type, s.input.shape)),
      ...graph.resident.map(r => tensorInfo(residentInput(r.name), r.value.type, r.value.shape)),
      ...scans.map(s =>
        tensorInfo(s.outside, s.value?.value.type ?? 'bool', ['steps', ...(s.value?.value.shape ?? [])]),
      ),
    ],
    output: [
      ...carried.map(s => tensorInfo(stateOutput(s.name), s.output.type, s.output.shape)),
      ...graph.metrics.map(m => tensorInfo(metricOutput(m.name), m.value.type, ['steps', ...m.value.shape])),
    ],
  });
  return {bytes, carried, origins: names.origins, hostNodes: hostNodesIn(inner)};
}
