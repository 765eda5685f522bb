// A graph as SVG, laid out by Graphviz (as WebAssembly, which is loaded only here).

import {type DotOptions, toDot} from './graph-export.ts';
import type {Graph} from './stage-graph.ts';

/** A whole SVG document. The first line of a node stays strong, those below it become faint. */
export async function toSvg(graph: Graph, title: string, options: DotOptions = {}): Promise<string> {
  const {instance} = await import('@viz-js/viz');
  const viz = await instance();
  const drawn = viz.renderString(toDot(graph, title, options), {format: 'svg'});
  return drawn.replace(/<g id="node\d+" class="node.*?<\/g>/gs, emphasise);
}

const FAINT = '#5c6780';

/** Graphviz writes the lines of a label as `<text>` one after another, all alike. */
function emphasise(node: string): string {
  let line = 0;
  return node.replace(/<text [^>]*>/g, tag => {
    line++;
    if (line === 1) return tag;
    return tag
      .replace(' font-weight="bold"', '')
      .replace(/ font-size="[^"]*"/, ' font-size="10"')
      .replace(/ fill="[^"]*"/, ` fill="${FAINT}"`);
  });
}
