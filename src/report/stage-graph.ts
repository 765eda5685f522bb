// The graph of a plan as people look at it: one node per stage, or one per instance. Pure data from a plan.

import type {Instance, InstanceId, Plan} from '../plan/plan.ts';
import {producersIn} from '../plan/plan-graph.ts';
import type {Cell} from '../stage/define.ts';

export interface GraphNode {
  /** Unique; a stage's name or an instance's id. */
  readonly id: string;
  readonly stage: string;
  /** Of the instance that the node is; `null` where it is a stage. */
  readonly cell: Cell | null;
  readonly instances: number;
  /** The names of its axes, in the plan's order. */
  readonly axes: readonly string[];
  /** What does the work: `train`, `./stages/mine.ts`, or the command. */
  readonly work: string;
  readonly publish: string | null;
  /** True where the matrix is in a file that is not there yet, so that nothing is known of its instances. */
  readonly isPending: boolean;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** A gather takes every instance of the producer. */
  readonly gathers: boolean;
}

/** Nodes in topological order: a plan lists instances so, and what waits for a matrix comes last. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

export function drawableGraph(plan: Plan, granularity: 'stages' | 'instances'): Graph {
  const stageOf = new Map<string, string>(plan.instances.map(({id, stage}) => [id, stage]));
  const nameOf = (id: string): string => (granularity === 'instances' ? id : (stageOf.get(id) ?? id));
  const nodes = new Map<string, GraphNode>();
  const edges = new Map<string, GraphEdge>();
  for (const instance of plan.instances) {
    const id = nameOf(instance.id);
    nodes.set(id, merge(nodes.get(id), id, instance));
    const connect = (producer: InstanceId, gathers: boolean): void => {
      const from = nameOf(producer);
      edges.set(`${from}\n${id}`, {from, to: id, gathers});
    };
    for (const {from} of instance.choosers) connect(from.id, false);
    for (const edge of Object.values(instance.inputs)) {
      for (const producer of producersIn(edge)) connect(producer.id, edge.kind === 'each');
    }
  }
  for (const {stage, from, holdsBack} of plan.pending) {
    for (const held of holdsBack) {
      nodes.set(held, {
        id: held,
        stage: held,
        cell: null,
        instances: 0,
        axes: [],
        work: '',
        publish: null,
        isPending: true,
      });
    }
    const producer = nameOf(from.id);
    edges.set(`${producer}\n${stage}`, {from: producer, to: stage, gathers: false});
  }
  return {nodes: [...nodes.values()], edges: [...edges.values()]};
}

function merge(before: GraphNode | undefined, id: string, instance: Instance): GraphNode {
  const axes = Object.keys(instance.cell);
  const known = before?.axes ?? [];
  const {work} = instance;
  return {
    id,
    stage: instance.stage,
    cell: id === instance.id ? instance.cell : null,
    instances: (before?.instances ?? 0) + 1,
    axes: [...known, ...axes.filter(axis => !known.includes(axis))],
    work: work.kind === 'module' ? work.uses : work.command,
    publish: instance.publish,
    isPending: false,
  };
}
