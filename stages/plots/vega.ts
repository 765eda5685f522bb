// A Vega-Lite specification to SVG, without a browser: text is measured with the embedded font, and the same
// specification gives the same bytes however many were drawn before.

import {fontFamily, textWidth} from './font.ts';
import {toPdf} from './pdf.ts';
import {theme} from './theme.ts';

/** A Vega-Lite specification: plain JSON. Its own types are too narrow for specifications that are put together. */
export type Spec = Readonly<Record<string, unknown>>;

/** The specification as it is published: with its schema, and with the theme, so that it can be drawn elsewhere. */
export const published = (spec: Spec): Spec => ({
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  background: 'white',
  padding: 8,
  ...spec,
  config: theme,
});

export interface Drawing {
  readonly svg: string;
  readonly pdf: () => Promise<Uint8Array>;
}

/**
 * Draws a specification; `use` gets the drawing while its view lives.
 * @throws Error when Vega-Lite or Vega warns: a warning here is a bug in the specification.
 */
export async function withDrawing<T>(spec: Spec, use: (drawing: Drawing) => Promise<T>): Promise<T> {
  const [vega, {compile}] = await Promise.all([import('vega'), import('vega-lite')]);
  const metrics = vega as unknown as Metrics;
  metrics.textMetrics.width = (item, text) => {
    const isBold = item.fontWeight === 'bold' || Number(item.fontWeight) >= 600;
    return textWidth(String(text ?? item.text ?? ''), item.fontSize ?? 11, isBold ? 700 : 400);
  };
  metrics.resetSVGDefIds();
  const complaints: string[] = [];
  const complain = (...messages: readonly unknown[]): void => {
    complaints.push(messages.map(String).join(' '));
  };
  const logger = vega.logger(vega.Warn);
  logger.warn = (...messages) => {
    complain(...messages);
    return logger;
  };
  logger.error = logger.warn;
  const {spec: program} = compile(spec as unknown as Parameters<typeof compile>[0], {logger});
  const view = new vega.View(vega.parse(program), {renderer: 'none', logger});
  try {
    const drawn = await view.toSVG();
    if (complaints.length > 0) throw new Error(`Vega: ${complaints.join('; ')}`);
    // Vega writes the theme's first font alone into some elements.
    const svg = `${drawn.replaceAll('font-family="Arimo"', `font-family="${fontFamily}"`)}\n`;
    return await use({svg, pdf: () => toPdf(view, sizeOf(svg, 'width'), sizeOf(svg, 'height'))});
  } finally {
    view.finalize();
  }
}

/** In pixels. */
export const sizeOf = (svg: string, side: 'width' | 'height'): number =>
  Number(new RegExp(`<svg[^>]* ${side}="([\\d.]+)"`).exec(svg)?.[1]);

/** What Vega exports beside its documented interface, for the use without a canvas. */
interface Metrics {
  readonly textMetrics: {
    width: (item: TextItem, text?: unknown) => number;
  };
  readonly resetSVGDefIds: () => void;
}

interface TextItem {
  readonly text?: unknown;
  readonly fontSize?: number;
  readonly fontWeight?: string | number;
}
