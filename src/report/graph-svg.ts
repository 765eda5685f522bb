// A graph as SVG, laid out by Graphviz (as WebAssembly, which is loaded only here).

import {type DotOptions, toDot} from './graph-export.ts';
import type {Graph} from './stage-graph.ts';

/** A whole SVG document. */
export async function toSvg(graph: Graph, title: string, options: DotOptions = {}): Promise<string> {
  const {instance} = await import('@viz-js/viz');
  const viz = await instance();
  return viz.renderString(toDot(graph, title, options), {format: 'svg'});
}
