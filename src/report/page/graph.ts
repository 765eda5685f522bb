// The graph on the page: drawn inline, so that it follows light and dark and its nodes lead to their stages.

import {toSvg} from '../graph-svg.ts';
import type {Graph} from '../stage-graph.ts';
import {stageAnchor} from './anchors.ts';
import {type Html, html, trusted} from './html.ts';

/** Points to CSS pixels. */
const SCALE = 4 / 3;

export async function renderGraph(graph: Graph, pipeline: string): Promise<Html> {
  const drawn = await toSvg(graph, pipeline, {linkOf: stage => `#${stageAnchor(stage)}`});
  const inner = /<svg[^>]*viewBox="([^"]+)"[^>]*>(.*)<\/svg>/s.exec(drawn);
  const [, box = '0 0 1 1', shapes = ''] = inner ?? [];
  const [, , width = 1, height = 1] = box.split(' ').map(Number);
  const edges = graph.edges.map(({from, to, gathers}) => `${to} ${gathers ? 'gathers' : 'takes'} ${from}`);
  return html`<section id="graph"><h2>Graph</h2>
<figure class="graph"><svg viewBox="${box}" width="${Math.round(width * SCALE)}" height="${Math.round(height * SCALE)}" role="img" aria-labelledby="graph-title graph-text"><title id="graph-title">The stages of ${pipeline}</title><desc id="graph-text">${edges.join('; ')}</desc>${trusted(withoutTitles(shapes))}</svg>
<figcaption>Each box is a stage, with the number of its instances and their axes. A double line gathers all instances of a stage; a coloured box is published.</figcaption></figure></section>
`;
}

/** Graphviz names every shape for tooltips that only repeat what is written in it; comments repeat it again. */
const withoutTitles = (shapes: string): string =>
  shapes
    .replace(/<title>.*?<\/title>\s*/gs, '')
    .replace(/<!--.*?-->\s*/gs, '')
    .replace(/ xlink:title="[^"]*"/g, '');
