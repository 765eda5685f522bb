// A graph drawn with lanes, as in `git log --graph`: nodes from top to bottom, each producer's lane going down
// until its last consumer. A consumer takes over the leftmost lane that ends at it.

import type {Palette} from './palette.ts';
import type {Graph, GraphNode} from './stage-graph.ts';
import {type Column, renderTable} from './table.ts';

/** Lines: the drawing, then each node's axes, number of instances and where it publishes. */
export function drawGraph(graph: Graph, palette: Palette): string[] {
  const rows: {readonly drawing: string; readonly node: GraphNode | null}[] = [];
  const consumersLeft = new Map<string, number>();
  const producers = new Map<string, string[]>();
  for (const {from, to} of graph.edges) {
    consumersLeft.set(from, (consumersLeft.get(from) ?? 0) + 1);
    producers.set(to, [...(producers.get(to) ?? []), from]);
  }
  /** Which producer's edge goes down in each lane; `null` where the lane is free. */
  const lanes: (string | null)[] = [];
  for (const node of graph.nodes) {
    const joining = lanes.flatMap((lane, index) =>
      lane !== null && producers.get(node.id)?.includes(lane) ? [index] : [],
    );
    for (const index of joining) {
      const lane = lanes[index] ?? '';
      consumersLeft.set(lane, (consumersLeft.get(lane) ?? 0) - 1);
    }
    const ending = joining.filter(index => (consumersLeft.get(lanes[index] ?? '') ?? 0) === 0);
    const free = lanes.indexOf(null);
    const own = ending[0] ?? (free === -1 ? lanes.length : free);
    const others = joining.filter(index => index !== own);
    if (others.length > 0) {
      const isNew = !joining.includes(own);
      rows.push({drawing: connectors(lanes, own, isNew, others, new Set(ending)), node: null});
    }
    for (const index of ending) lanes[index] = null;
    lanes[own] = node.id;
    const glyphs = lanes.map((lane, index) => (index === own ? '●' : lane === null ? ' ' : '│'));
    rows.push({drawing: glyphs.join(' ').trimEnd(), node});
    if ((consumersLeft.get(node.id) ?? 0) === 0) lanes[own] = null;
    while (lanes.length > 0 && lanes.at(-1) === null) lanes.pop();
  }
  return withDetails(rows, palette);
}

/** The row above a node whose producers are in other lanes: `├─╮`, `├─╯`, `├─┼─╯`. */
function connectors(
  lanes: readonly (string | null)[],
  own: number,
  isNew: boolean,
  others: readonly number[],
  ending: ReadonlySet<number>,
): string {
  const left = Math.min(own, ...others);
  const right = Math.max(own, ...others);
  let text = '';
  for (let index = 0; index < Math.max(lanes.length, right + 1); index++) {
    const isInside = index >= left && index <= right;
    text += laneGlyph(lanes[index] ?? null, {
      isInside,
      isOwn: index === own,
      isNew,
      joins: others.includes(index),
      ends: ending.has(index),
      isLeft: index === left,
      isRight: index === right,
    });
    text += index >= left && index < right ? '─' : ' ';
  }
  return text.trimEnd();
}

interface LanePlace {
  readonly isInside: boolean;
  readonly isOwn: boolean;
  readonly isNew: boolean;
  readonly joins: boolean;
  readonly ends: boolean;
  readonly isLeft: boolean;
  readonly isRight: boolean;
}

function laneGlyph(lane: string | null, place: LanePlace): string {
  const {isInside, isOwn, isNew, joins, ends, isLeft, isRight} = place;
  if (!isInside) return lane === null ? ' ' : '│';
  const up = joins || (isOwn ? !isNew : lane !== null);
  const down = isOwn || (joins ? !ends : lane !== null);
  const west = !isLeft;
  const east = !isRight;
  return GLYPHS[`${up ? 'u' : ''}${down ? 'd' : ''}${west ? 'w' : ''}${east ? 'e' : ''}`] ?? '─';
}

/** Box-drawing characters by the sides that they touch. */
const GLYPHS: Readonly<Record<string, string>> = {
  ud: '│',
  we: '─',
  de: '╭',
  dw: '╮',
  uw: '╯',
  ue: '╰',
  ude: '├',
  udw: '┤',
  dwe: '┬',
  uwe: '┴',
  udwe: '┼',
};

const COLUMNS: readonly Column[] = [
  {header: '', align: 'left'},
  {header: '', align: 'left'},
  {header: '', align: 'right'},
  {header: '', align: 'left'},
];

function withDetails(
  rows: readonly {readonly drawing: string; readonly node: GraphNode | null}[],
  palette: Palette,
): string[] {
  const cells = rows.map(({drawing, node}) => {
    if (node === null) return [palette.dim(drawing)];
    const painted = palette.dim(drawing).replace('●', palette.running('●'));
    return [
      `${painted} ${palette.name(node.id)}`,
      palette.dim(node.axes.join(' × ')),
      node.isPending ? '?' : node.instances > 1 ? String(node.instances) : '',
      node.publish === null ? '' : palette.dim(`→ ${node.publish}`),
    ];
  });
  return renderTable(COLUMNS, cells);
}
