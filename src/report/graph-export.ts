// A graph in the languages of other tools: Mermaid for Markdown pages, DOT for Graphviz.

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

export function toDot(graph: Graph, title: string): string {
  const keys = keysOf(graph);
  const nodes = graph.nodes.map(node => {
    const shape = node.publish === null ? '' : ', peripheries=2';
    return `  ${keys.get(node.id)} [label=${quote(captionOf(node).join('\n'))}${shape}];`;
  });
  const edges = graph.edges.map(
    ({from, to, gathers}) =>
      `  ${keys.get(from)} -> ${keys.get(to)}${gathers ? ' [style=bold, arrowhead=vee]' : ''};`,
  );
  return [
    `digraph ${quote(title)} {`,
    '  node [shape=box, style="rounded,filled", fillcolor="#f4f6fb", color="#6b7a99", fontname="Helvetica", fontsize=11];',
    '  edge [color="#6b7a99"];',
    ...nodes,
    ...edges,
    '}',
    '',
  ].join('\n');
}

function captionOf(node: GraphNode): string[] {
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
