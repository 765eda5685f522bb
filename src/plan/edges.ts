// What an instance takes from the stages above it: its single inputs, its gathers, and what only comes first.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {InputItem, Reference, StageSpec} from '../spec/spec.ts';
import {type Candidate, pick, placeOfValue} from './candidates.ts';
import {type Producers, type StageInstances, sharedAxes} from './join.ts';
import {cellText} from './matrix.ts';
import type {InputEdge, Instance, InstanceId, Producer} from './plan.ts';

type Report = (diagnostic: Diagnostic) => void;

export function edgesOf(
  spec: StageSpec,
  candidate: Candidate,
  axes: readonly string[],
  producers: Producers,
  report: Report,
): Readonly<Record<string, InputEdge>> | null {
  const edges: [string, InputEdge][] = [];
  let single = 0;
  let isSound = true;
  for (const input of spec.inputs.values()) {
    if (input.kind === 'one') {
      const picked = candidate.picks[single++];
      if (picked)
        edges.push([input.name.value, {kind: 'one', from: producerOf(picked.id, input.from.value)}]);
      continue;
    }
    const from: Producer[] = [];
    for (const item of input.items) {
      const found = gather(spec, item, candidate, axes, producers(item.from.value.stage), report);
      isSound &&= found.length > 0;
      for (const {id} of found) from.push(producerOf(id, item.from.value));
    }
    edges.push([input.name.value, {kind: 'each', from}]);
  }
  return isSound ? Object.fromEntries(edges) : null;
}

const producerOf = (id: InstanceId, {output}: Reference): Producer => ({id, output});

/** Of each stage that comes first, the instances that agree with the candidate; none may agree. */
export const comesAfter = (
  spec: StageSpec,
  {cell}: Candidate,
  axes: readonly string[],
  producers: Producers,
): readonly InstanceId[] =>
  spec.after.flatMap(({value}) => {
    const producer = producers(value.stage);
    return producer.matching(sharedAxes(axes, producer.axes), cell).map(({id}) => id);
  });

function gather(
  spec: StageSpec,
  item: InputItem,
  {cell, own}: Candidate,
  axes: readonly string[],
  producer: StageInstances,
  report: Report,
): readonly Instance[] {
  const {stage} = item.from.value;
  const shared = sharedAxes(axes, producer.axes);
  const found = producer.inOrder(producer.matching(shared, cell));
  if (found.length === 0) {
    const lacking = shared.find(axis => !producer.has(axis, cell));
    const blamed = lacking ?? shared.find(axis => own.nodes.has(axis));
    const span =
      blamed !== undefined && own.nodes.has(blamed) ? placeOfValue(spec, own, blamed) : item.from.span;
    const wanted = cellText(pick(cell, lacking === undefined ? shared : [lacking]));
    const values = [...new Set(producer.instances.map(instance => String(instance.cell[lacking ?? ''])))];
    const example = producer.instances[0]?.id;
    const hint =
      lacking === undefined
        ? `there is ${example}, for example`
        : `there, ${lacking} is one of ${values.join(', ')}`;
    const message = `expected instances of ${stage} to gather, got none with ${wanted}`;
    report(mistake('empty-gather', message, span, {hint}));
    return [];
  }
  if (item.kind === 'one' && found.length > 1) {
    const hint = `gather them: {each: ${stage}}`;
    const message = `expected one instance of ${stage} in a list, got ${found.length}`;
    report(mistake('wrong-arity', message, item.from.span, {hint}));
    return [];
  }
  return found;
}
