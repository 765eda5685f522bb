// SVG to PNG with resvg: no browser, no system fonts, the same bytes for the same picture.

import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {drawnFamily, loadFaces} from './font.ts';

/**
 * Draws an SVG on white.
 * @param zoom pixels of the picture per pixel of the SVG; 2 or 3 for print.
 */
export async function toPng(svg: string, zoom: number): Promise<Uint8Array> {
  const {Resvg} = await import('@resvg/resvg-js');
  // resvg's binding takes fonts as files only.
  const folder = await mkdtemp(join(tmpdir(), 'pipe-fonts-'));
  try {
    const fontFiles: string[] = [];
    for (const {weight, bytes} of loadFaces()) {
      const file = join(folder, `${weight}.ttf`);
      await writeFile(file, bytes);
      fontFiles.push(file);
    }
    const font = {
      loadSystemFonts: false,
      fontFiles,
      defaultFontFamily: drawnFamily,
      sansSerifFamily: drawnFamily,
    };
    return new Resvg(svg, {font, fitTo: {mode: 'zoom', value: zoom}, background: '#ffffff'}).render().asPng();
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}
