// A Vega view as PDF: lines stay lines and text stays text, in the embedded font. The same picture gives the same
// bytes: nothing says when it was made.

import type {View} from 'vega';
import {loadFaces} from './font.ts';
import {PdfContext} from './pdf-context.ts';

/** Points of a PDF for a pixel of CSS, of which there are 96 to the inch. */
const pointsPerPixel = 0.75;

/** @param width of the picture, as `height` in pixels. */
export async function toPdf(view: View, width: number, height: number): Promise<Uint8Array> {
  const {default: PDFDocument} = await import('pdfkit');
  const document = new PDFDocument({
    size: [width * pointsPerPixel, height * pointsPerPixel],
    margin: 0,
    info: {Producer: 'pipe', Creator: 'pipe', CreationDate: new Date(0)},
  });
  const chunks: Uint8Array[] = [];
  document.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  const ended = new Promise<void>((resolve, reject) => {
    document.on('end', resolve);
    document.on('error', reject);
  });
  for (const {weight, bytes} of loadFaces()) document.registerFont(weight >= 600 ? 'bold' : 'regular', bytes);
  document.scale(pointsPerPixel);
  await view.toCanvas(1, {externalContext: new PdfContext(document)});
  document.end();
  await ended;
  return Buffer.concat(chunks);
}
