// One step → a model that runs one step per call, for devices on which a loop inside the model would copy the state
// to the host and back at every turn.

import {reach} from '../ir/reach.ts';
import type {Graph} from '../ir/value.ts';
import {constantProtos, encodeModel, Names, nameExits, tensorInfo} from './encode.ts';
import {
  hostNodesIn,
  isCarried,
  type Model,
  metricOutput,
  residentInput,
  scannedInput,
  stateInput,
  stateOutput,
} from './scan.ts';

export function stepModel(graph: Graph): Model {
  const carried = graph.state.filter(isCarried);
  const inputs = [
    ...graph.state.map(s => ({name: stateInput(s.name), value: s.input})),
    ...graph.resident.map(r => ({name: residentInput(r.name), value: r.value})),
    ...graph.scanned.map(s => ({name: scannedInput(s.name), value: s.value})),
  ];
  const outputs = [
    ...carried.map(s => ({name: stateOutput(s.name), value: s.output})),
    ...graph.metrics.map(m => ({name: metricOutput(m.name), value: m.value})),
  ];
  const {nodes, constants} = reach(outputs.map(o => o.value));
  const names = new Names();
  for (const {name, value} of inputs) names.set(value, name);
  const initializer = constantProtos(names, constants);
  const steps = nodes.map(n => names.node(n));
  const exits = nameExits(
    names,
    steps,
    outputs.map(({name, value}) => ({from: value, to: name})),
  );
  const bytes = encodeModel({
    name: graph.name,
    node: [...steps, ...exits],
    initializer,
    input: inputs.map(({name, value}) => tensorInfo(name, value.type, value.shape)),
    output: outputs.map(({name, value}) => tensorInfo(name, value.type, value.shape)),
  });
  return {bytes, carried, origins: names.origins, hostNodes: hostNodesIn(steps)};
}
