// The graph of a pipeline as a PNG picture, twice as large as the SVG for screens of high density.

import {Resvg} from '@resvg/resvg-js';
import {toSvg} from './graph-svg.ts';
import type {Graph} from './stage-graph.ts';

const ZOOM = 2;

export async function toPng(graph: Graph, title: string): Promise<Uint8Array> {
  const svg = await toSvg(graph, title);
  const picture = new Resvg(svg, {
    background: '#ffffff',
    fitTo: {mode: 'zoom', value: ZOOM},
    font: {loadSystemFonts: true},
  });
  return picture.render().asPng();
}
