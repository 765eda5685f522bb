// A picture made to fit a page: its panels are widened or narrowed until the whole has the width that was asked for,
// with letters of the same size, and the lines of its title are broken.

import {StageError} from '../../src/stage/define.ts';
import {textWidth} from './font.ts';
import {theme} from './theme.ts';
import type {Spec} from './vega.ts';

const pixelsPerMillimetre = 96 / 25.4;
/** Panels narrower than this part of their usual width cannot be read. */
const narrowest = 0.35;

/**
 * @param millimetres of the whole picture as printed.
 * @param measure the width in pixels that a specification is drawn with.
 * @throws StageError where panels would be too narrow.
 */
export async function fitted(
  spec: Spec,
  millimetres: number,
  measure: (spec: Spec) => Promise<number>,
): Promise<Spec> {
  const target = millimetres * pixelsPerMillimetre;
  const wrapped = withTitle(spec, target - 20);
  // Without the title, which has room by itself now and would hide how wide the panels are.
  const {title: _, ...panels} = spec;
  const [whole, half] = [await measure(panels), await measure(scaled(panels, 0.5))];
  // What surrounds the panels keeps its size, so that the width is linear in theirs.
  const perFactor = (whole - half) / 0.5;
  const factor = perFactor <= 0 ? 0 : (target - (whole - perFactor)) / perFactor;
  if (factor < narrowest) {
    const least = Math.ceil((whole - perFactor + narrowest * perFactor) / pixelsPerMillimetre);
    throw new StageError(`width: expected at least ${least} mm for this picture, got ${millimetres}`);
  }
  return scaled(wrapped, factor);
}

/** Every panel at `factor` times its width, and lower where it becomes narrow. */
function scaled(spec: Spec, factor: number): Spec {
  const shrink = Math.min(1, Math.max(0.6, factor));
  const walk = (value: unknown, name: string): unknown => {
    if (name === 'data' || name === 'config') return value;
    if (Array.isArray(value)) return value.map(one => walk(one, ''));
    if (typeof value !== 'object' || value === null) return value;
    const isPanel = 'layer' in value || 'encoding' in value;
    // A square stays one: its axes have one unit.
    const isSquare = 'width' in value && 'height' in value && value.width === value.height;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => {
        if (isPanel && key === 'width') return [key, sizeOf(inner, factor)];
        if (isPanel && key === 'height') return [key, sizeOf(inner, isSquare ? factor : shrink)];
        if (key === 'gradientLength') return [key, sizeOf(inner, shrink)];
        return [key, walk(inner, key)];
      }),
    );
  };
  return walk(spec, '') as Spec;
}

/** A number of pixels, or pixels from one place of an axis to the next. */
function sizeOf(size: unknown, factor: number): unknown {
  if (typeof size === 'number') return Math.round(size * factor * 100) / 100;
  if (typeof size === 'object' && size !== null && 'step' in size && typeof size.step === 'number')
    return {step: Math.round(size.step * factor * 100) / 100};
  return size;
}

function withTitle(spec: Spec, width: number): Spec {
  const {title} = spec;
  if (typeof title !== 'object' || title === null || !('text' in title)) return spec;
  const lines = (text: unknown, size: number, weight: number): readonly string[] =>
    (Array.isArray(text) ? text : [text]).flatMap(line => brokenLines(String(line), width, size, weight));
  return {
    ...spec,
    title: {
      ...title,
      text: lines(title.text, theme.title.fontSize, 700),
      ...('subtitle' in title ? {subtitle: lines(title.subtitle, theme.title.subtitleFontSize, 400)} : {}),
    },
  };
}

/** Broken at spaces; a word that is wider than the line stands alone. */
export function brokenLines(text: string, width: number, size: number, weight: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && textWidth(longer, size, weight) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}
