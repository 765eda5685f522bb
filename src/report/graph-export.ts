// A graph in the languages of other tools: Mermaid for Markdown pages, DOT for Graphviz.

import type {Graph, GraphEdge, GraphNode} from './stage-graph.ts';

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

/** Colours stand as attributes, so that a page may give them others. */
const INK = '#1b2333';
const FAINT = '#5c6780';
const LINE = '#7d8aa5';

/** What is published has a filled box; what gathers begins with a fork at the many. */
export function toDot(graph: Graph, title: string, {linkOf}: DotOptions = {}): string {
  const keys = keysOf(graph);
  const nodes = graph.nodes.map(node => {
    const [name = '', ...more] = captionOf(node);
    const label = [
      `<FONT COLOR="${INK}"><B>${escapeDot(name)}</B></FONT>`,
      ...more.map(text => `<FONT COLOR="${FAINT}" POINT-SIZE="9.5">${escapeDot(text)}</FONT>`),
    ].join('<BR/>');
    const attributes = [
      `label=<${label}>`,
      ...(node.publish === null ? [] : ['class="node published"', 'fillcolor="#e3e9fb"', 'color="#4a62c9"']),
      ...(node.isPending ? ['style="rounded,filled,dashed"'] : []),
      ...(linkOf === undefined ? [] : [`URL=${quote(linkOf(node.id))}`]),
    ];
    return `  ${keys.get(node.id)} [${attributes.join(', ')}];`;
  });
  const edges = graph.edges.map(
    edge => `  ${keys.get(edge.from)} -> ${keys.get(edge.to)}${edgeStyle(edge)};`,
  );
  return [
    `digraph ${quote(title)} {`,
    '  graph [bgcolor=transparent, pad=0.1, nodesep=0.3, ranksep=0.38];',
    `  node [shape=box, style="rounded,filled", fillcolor="#f7f9fd", color="${LINE}", fontname="Helvetica", fontsize=11.5, margin="0.16,0.07", height=0.3];`,
    `  edge [color="${LINE}", arrowsize=0.7];`,
    ...nodes,
    ...edges,
    '}',
    '',
  ].join('\n');
}

const edgeStyle = ({gathers}: GraphEdge): string =>
  gathers ? ' [style=bold, dir=both, arrowtail=crow]' : '';

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

/** For HTML-like labels, which are XML: control characters are not allowed in it. */
const escapeDot = (text: string): string => escapeHtml(text.replace(/\p{Cc}/gu, '�'));

const quote = (text: string): string =>
  `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
