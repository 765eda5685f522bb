// The font of all pictures: Arimo, embedded, so that text has the same widths and shapes on every machine.
// Its metrics are those of Arial and Helvetica, by which an SVG is shown where Arimo is missing.

import {gunzipSync} from 'node:zlib';
import embedded from '../../data/fonts/arimo.json' with {type: 'json'};

/** What an SVG says: first the font that was measured, then those of the same widths. */
export const fontFamily = 'Arimo, Arial, Helvetica, sans-serif';
/** The family that is drawn. */
export const drawnFamily = embedded.family;

export interface Face {
  readonly weight: number;
  /** A TrueType file. */
  readonly bytes: Buffer;
  /** Advance width of each character by code point, in units of the font's size. */
  readonly widths: ReadonlyMap<number, number>;
}

let loaded: readonly Face[] | undefined;

/** Regular and bold, decoded once. */
export function loadFaces(): readonly Face[] {
  loaded ??= embedded.faces.map(({weight, gzip_base64}) => {
    const bytes = gunzipSync(Buffer.from(gzip_base64.join(''), 'base64'));
    return {weight, bytes, widths: readWidths(bytes)};
  });
  return loaded;
}

/**
 * The width of a line of text in pixels, without kerning. Characters that the font lacks count as a figure.
 * @param size in pixels. @param weight of CSS: 600 and above is bold.
 */
export function textWidth(text: string, size: number, weight: number): number {
  const faces = loadFaces();
  const face = faces.find(face => face.weight >= 600 === weight >= 600) ?? faces[0];
  let width = 0;
  for (const character of text) width += face?.widths.get(character.codePointAt(0) ?? 0) ?? 0.556;
  return width * size;
}

/** Advance widths by the tables `head`, `hhea`, `hmtx` and `cmap` (format 4) of the OpenType specification. */
function readWidths(font: Buffer): ReadonlyMap<number, number> {
  const table = (tag: string): Buffer => {
    for (let at = 12; at < 12 + 16 * font.readUInt16BE(4); at += 16) {
      if (font.toString('latin1', at, at + 4) !== tag) continue;
      const offset = font.readUInt32BE(at + 8);
      return font.subarray(offset, offset + font.readUInt32BE(at + 12));
    }
    throw new Error(`expected a table ${tag} in the embedded font`);
  };
  const unitsPerEm = table('head').readUInt16BE(18);
  const measured = table('hhea').readUInt16BE(34);
  const metrics = table('hmtx');
  const widths = new Map<number, number>();
  for (const [character, glyph] of glyphsOf(table('cmap'))) {
    widths.set(character, metrics.readUInt16BE(4 * Math.min(glyph, measured - 1)) / unitsPerEm);
  }
  return widths;
}

function* glyphsOf(cmap: Buffer): Generator<readonly [character: number, glyph: number]> {
  const subtable = cmap.subarray(cmap.readUInt32BE(8));
  if (subtable.readUInt16BE(0) !== 4) throw new Error('expected a character map of format 4');
  const doubled = subtable.readUInt16BE(6);
  const [ends, starts, deltas, ranges] = [14, 16 + doubled, 16 + 2 * doubled, 16 + 3 * doubled];
  for (let at = 0; at < doubled; at += 2) {
    const range = subtable.readUInt16BE(ranges + at);
    const delta = subtable.readUInt16BE(deltas + at);
    const start = subtable.readUInt16BE(starts + at);
    for (let character = start; character <= subtable.readUInt16BE(ends + at); character++) {
      if (character === 0xffff) continue;
      const listed =
        range === 0 ? character : subtable.readUInt16BE(ranges + at + range + 2 * (character - start));
      const glyph = listed === 0 ? 0 : (listed + delta) & 0xffff;
      if (glyph !== 0) yield [character, glyph];
    }
  }
}
