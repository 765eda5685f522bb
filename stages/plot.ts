// A picture of gathered runs: a Vega-Lite specification with its data, drawn as SVG and PNG. The same runs give the
// same bytes on every machine: the font is the project's own, and nothing in a picture says when it was made.

import {writeFile} from 'node:fs/promises';
import {defineStage, z} from '../src/stage/define.ts';
import type {Spec} from './plots/vega.ts';
import {scalarSchema} from './statistics/summary.ts';

export default defineStage({
  about:
    'Draws gathered runs as a Vega-Lite specification, SVG and PNG: curves, grid, pairs, eigenvalues, landscapes.',
  params: z.object({
    kind: z
      .enum(['curves', 'grid', 'pairs', 'eigenvalues', 'line', 'landscape'])
      .describe(
        'curves: learning curves; grid: a heat map; pairs: differences per seed (all three of train); ' +
          'eigenvalues, line, landscape: of sharpness',
      ),
    title: z.string().min(1).optional(),
    metric: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1).max(4)])
      .optional()
      .describe('`test_error` is what test_accuracy leaves; curves may have several'),
    over: z.string().default('seed').describe('the axis whose values are replicates'),
    x: z.string().default('lr').describe('grid: the axis along x'),
    best_of: z
      .array(z.string().min(1))
      .optional()
      .describe('grid: axes of each of whose values the best cell is framed; the optimizer by default'),
    compare: z
      .string()
      .optional()
      .describe('the axis whose values are told apart; the optimizer if it varies, else the first that does'),
    labels: z
      .record(z.string(), z.string())
      .default({})
      .describe('what axes and their values are called, as for tabulate: {sam: Ours, lr: step size}'),
    baseline: scalarSchema
      .optional()
      .describe('pairs: the arm that the others are compared with; the first by default'),
    confidence: z.number().gt(0).lt(1).default(0.95),
    width: z
      .number()
      .positive()
      .optional()
      .describe(
        'millimetres of the whole picture as printed: 84 for a column, 174 for a page; letters keep their size',
      ),
    zoom: z.number().min(1).max(6).default(2).describe('pixels of the PNG for one of the SVG'),
  }),
  inputs: {from: 'each'},
  outputs: {
    spec: {kind: 'file', name: 'plot.vl.json'},
    svg: {kind: 'file', name: 'plot.svg'},
    pdf: {kind: 'file', name: 'plot.pdf'},
    png: {kind: 'file', name: 'plot.png'},
  },
  holds: {
    from: 'instances of train (curves, grid, pairs) or of sharpness (eigenvalues, line, landscape)',
    spec: 'JSON: a Vega-Lite specification with its data',
    svg: 'SVG',
    pdf: 'PDF with text as text',
    png: 'PNG, `zoom` pixels for one of the SVG',
  },
  async run({params, inputs, outputs, log}) {
    const {pictureOf} = await import('./plots/picture.ts');
    const {published, sizeOf, withDrawing} = await import('./plots/vega.ts');
    const {fitted} = await import('./plots/page-width.ts');
    const {toPng} = await import('./plots/raster.ts');
    const drawn = published(await pictureOf(inputs.from, params));
    const measure = (spec: Spec): Promise<number> =>
      withDrawing(spec, ({svg}) => Promise.resolve(sizeOf(svg, 'width')));
    const spec = params.width === undefined ? drawn : await fitted(drawn, params.width, measure);
    await withDrawing(spec, async ({svg, pdf}) => {
      await writeFile(outputs.svg, svg);
      await writeFile(outputs.pdf, await pdf());
      await writeFile(outputs.png, await toPng(svg, params.zoom));
    });
    await writeFile(outputs.spec, `${JSON.stringify(spec, null, 1)}\n`);
    log(`${params.kind}: ${inputs.from.length} runs`);
  },
});
