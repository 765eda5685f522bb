// A graph in the languages of other tools: Mermaid for Markdown pages, DOT for Graphviz.

import {formatValue} from './format.ts';
import type {Graph, GraphNode} from './stage-graph.ts';

export function toMermaid(graph: Graph): string {
  const keys = keysOf(graph);
  const nodes = graph.nodes.map(node => {
    const [open, close] = node.publish === null ? ['["', '"]'] : ['(["', '"])'];
    return `  ${keys.get(node.id)}${open}${captionOf(node).map(escapeHtml).join('<br>')}${close}`;
  });
  const edges = graph.edges.map(
    ({from, to, gathers}) => `  ${keys.get(from)} ${gathers ? '==>' : '-->'} ${keys.get(to)}`,
  );
  return ['flowchart TD', ...nodes, ...edges, ''].join('\n');
}

export interface DotOptions {
  /** Where a node leads to when it is clicked. */
  readonly linkOf?: (id: string) => string;
}

const LINE = '#7d8aa5';

/** What is published has a coloured box; what gathers is a double line. */
export function toDot(graph: Graph, title: string, {linkOf}: DotOptions = {}): string {
  const keys = keysOf(graph);
  const nodes = graph.nodes.map(node => {
    const attributes = [
      `label=${quote(captionOf(node).join('\n'))}`,
      ...(node.publish === null ? [] : ['class=published', 'fillcolor="#e3e9fb"', 'color="#4a62c9"']),
      ...(node.isPending ? ['style="rounded,filled,dashed"'] : []),
      ...(linkOf === undefined ? [] : [`URL=${quote(linkOf(node.id))}`]),
    ];
    return `  ${keys.get(node.id)} [${attributes.join(', ')}];`;
  });
  const edges = graph.edges.map(
    ({from, to, gathers}) =>
      `  ${keys.get(from)} -> ${keys.get(to)}${gathers ? ` [color="${LINE}:transparent:${LINE}"]` : ''};`,
  );
  return [
    `digraph ${quote(title)} {`,
    '  graph [bgcolor=transparent, pad=0.1, nodesep=0.3, ranksep=0.4];',
    `  node [shape=box, style="rounded,filled", fillcolor="#f7f9fd", color="${LINE}", fontcolor="#1b2333", fontname="Helvetica-Bold", fontsize=11.5, margin="0.17,0.08", height=0.32];`,
    `  edge [color="${LINE}", arrowsize=0.7];`,
    ...nodes,
    ...edges,
    '}',
    '',
  ].join('\n');
}

/** A stage with the number of its instances and their axes, or an instance's stage with its cell. */
function captionOf(node: GraphNode): string[] {
  if (node.cell !== null && Object.keys(node.cell).length > 0) {
    const cell = Object.entries(node.cell).map(([axis, value]) => `${axis}=${formatValue(value)}`);
    return [node.stage, cell.join(', ')];
  }
  const count = node.isPending ? '?' : node.instances > 1 ? `× ${node.instances}` : '';
  const axes = node.instances > 1 ? node.axes.join(', ') : '';
  return [node.id, [count, axes].filter(text => text !== '').join('  ')].filter(text => text !== '');
}

/** Names that both languages take without quotes. */
const keysOf = (graph: Graph): ReadonlyMap<string, string> =>
  new Map(graph.nodes.map(({id}, index) => [id, `n${index}`]));

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const quote = (text: string): string =>
  `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
