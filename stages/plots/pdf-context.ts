// A canvas' drawing context that writes PDF: what Vega's canvas renderer uses of one, no more. Paths are kept in page
// coordinates until they are painted, since a PDF takes no transformation between a path and its paint.

import type PDFDocument from 'pdfkit';
import {textWidth} from './font.ts';

type Document = InstanceType<typeof PDFDocument>;
type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];
type Segment =
  | {readonly kind: 'move' | 'line'; readonly to: Point}
  | {readonly kind: 'curve'; readonly by: readonly [Point, Point]; readonly to: Point}
  | {readonly kind: 'close'};
type Point = readonly [x: number, y: number];

/** A gradient along a line, in the coordinates of the moment when it is painted. */
class Gradient {
  readonly stops: {readonly at: number; readonly color: string}[] = [];
  readonly from: Point;
  readonly to: Point;
  constructor(from: Point, to: Point) {
    this.from = from;
    this.to = to;
  }
  addColorStop(at: number, color: string): void {
    this.stops.push({at, color});
  }
}

type Style = string | Gradient;

export class PdfContext {
  fillStyle: Style = '#000000';
  strokeStyle: Style = '#000000';
  lineWidth = 1;
  lineCap = 'butt';
  lineJoin = 'miter';
  miterLimit = 10;
  globalAlpha = 1;
  globalCompositeOperation = 'source-over';
  font = '11px Arimo';
  textAlign = 'left';
  textBaseline = 'alphabetic';
  lineDashOffset = 0;
  /** No pixels: lines stay where they are. */
  readonly pixelRatio = 1;

  readonly #document: Document;
  #matrix: Matrix = [1, 0, 0, 1, 0, 0];
  #dash: readonly number[] = [];
  #path: Segment[] = [];
  readonly #saved: {readonly matrix: Matrix; readonly dash: readonly number[]}[] = [];

  constructor(document: Document) {
    this.#document = document;
  }

  save(): void {
    this.#document.save();
    this.#saved.push({matrix: this.#matrix, dash: this.#dash});
  }
  restore(): void {
    const before = this.#saved.pop();
    if (before === undefined) return;
    this.#document.restore();
    this.#matrix = before.matrix;
    this.#dash = before.dash;
  }
  scale(x: number, y: number): void {
    this.#multiply([x, 0, 0, y, 0, 0]);
  }
  translate(x: number, y: number): void {
    this.#multiply([1, 0, 0, 1, x, y]);
  }
  rotate(angle: number): void {
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    this.#multiply([cos, sin, -sin, cos, 0, 0]);
  }
  setLineDash(dash: readonly number[]): void {
    this.#dash = [...dash];
  }

  beginPath(): void {
    this.#path = [];
  }
  moveTo(x: number, y: number): void {
    this.#path.push({kind: 'move', to: this.#place(x, y)});
  }
  lineTo(x: number, y: number): void {
    this.#path.push({kind: this.#path.length === 0 ? 'move' : 'line', to: this.#place(x, y)});
  }
  bezierCurveTo(x1: number, y1: number, x2: number, y2: number, x: number, y: number): void {
    this.#path.push({kind: 'curve', by: [this.#place(x1, y1), this.#place(x2, y2)], to: this.#place(x, y)});
  }
  closePath(): void {
    this.#path.push({kind: 'close'});
  }
  rect(x: number, y: number, width: number, height: number): void {
    this.moveTo(x, y);
    this.lineTo(x + width, y);
    this.lineTo(x + width, y + height);
    this.lineTo(x, y + height);
    this.closePath();
  }
  /** By cubic curves of at most a quarter turn, which miss a circle by less than a part in a thousand. */
  arc(x: number, y: number, radius: number, start: number, end: number, isReversed = false): void {
    const turn = isReversed ? Math.max(-2 * Math.PI, end - start) : Math.min(2 * Math.PI, end - start);
    const parts = Math.max(1, Math.ceil(Math.abs(turn) / (Math.PI / 2)));
    const step = turn / parts;
    const reach = (4 / 3) * Math.tan(step / 4) * radius;
    this.lineTo(x + radius * Math.cos(start), y + radius * Math.sin(start));
    for (let part = 0; part < parts; part++) {
      const [from, to] = [start + part * step, start + (part + 1) * step];
      this.bezierCurveTo(
        x + radius * Math.cos(from) - reach * Math.sin(from),
        y + radius * Math.sin(from) + reach * Math.cos(from),
        x + radius * Math.cos(to) + reach * Math.sin(to),
        y + radius * Math.sin(to) - reach * Math.cos(to),
        x + radius * Math.cos(to),
        y + radius * Math.sin(to),
      );
    }
  }
  fill(): void {
    this.#emitPath();
    this.#document.fillOpacity(this.globalAlpha).fill(this.#paint(this.fillStyle));
  }
  stroke(): void {
    this.#emitPath();
    this.#setLine();
    this.#document.strokeOpacity(this.globalAlpha).stroke(this.#paint(this.strokeStyle));
  }
  clip(): void {
    this.#emitPath();
    this.#document.clip();
  }
  fillRect(x: number, y: number, width: number, height: number): void {
    this.beginPath();
    this.rect(x, y, width, height);
    this.fill();
  }
  fillText(text: string, x: number, y: number): void {
    this.#document.fillOpacity(this.globalAlpha).fillColor(this.#paint(this.fillStyle));
    this.#write(text, x, y, {fill: true, stroke: false});
  }
  strokeText(text: string, x: number, y: number): void {
    this.#setLine();
    this.#document.strokeOpacity(this.globalAlpha).strokeColor(this.#paint(this.strokeStyle));
    this.#write(text, x, y, {fill: false, stroke: true});
  }
  createLinearGradient(x1: number, y1: number, x2: number, y2: number): Gradient {
    return new Gradient([x1, y1], [x2, y2]);
  }

  #write(text: string, x: number, y: number, how: {readonly fill: boolean; readonly stroke: boolean}): void {
    const size = Number(/([\d.]+)px/.exec(this.font)?.[1] ?? 11);
    const isBold = /\bbold\b|\b[6-9]00\b/.test(this.font);
    const width = textWidth(text, size, isBold ? 700 : 400);
    const left = x - (this.textAlign === 'center' ? width / 2 : this.textAlign === 'right' ? width : 0);
    this.#document
      .save()
      .transform(...this.#matrix)
      .font(isBold ? 'bold' : 'regular', size)
      .text(text, left, y, {lineBreak: false, baseline: 'alphabetic', ...how})
      .restore();
  }

  #emitPath(): void {
    for (const segment of this.#path) {
      switch (segment.kind) {
        case 'move':
          this.#document.moveTo(...segment.to);
          break;
        case 'line':
          this.#document.lineTo(...segment.to);
          break;
        case 'curve':
          this.#document.bezierCurveTo(...segment.by[0], ...segment.by[1], ...segment.to);
          break;
        case 'close':
          this.#document.closePath();
      }
    }
  }

  #setLine(): void {
    const [a, b, c, d] = this.#matrix;
    const zoom = Math.sqrt(Math.abs(a * d - b * c));
    this.#document
      .lineWidth(this.lineWidth * zoom)
      .lineCap(this.lineCap === 'round' ? 'round' : this.lineCap === 'square' ? 'square' : 'butt')
      .lineJoin(this.lineJoin === 'round' ? 'round' : this.lineJoin === 'bevel' ? 'bevel' : 'miter')
      .miterLimit(this.miterLimit);
    // pdfkit's own `dash` knows two lengths; PDF takes a list.
    const lengths = this.#dash.map(length => Math.max(length, 0.01) * zoom);
    this.#document.addContent(`[${lengths.join(' ')}] ${this.lineDashOffset * zoom} d`);
  }

  #paint(style: Style) {
    if (typeof style === 'string') return colorOf(style);
    const gradient = this.#document.linearGradient(
      ...this.#place(...style.from),
      ...this.#place(...style.to),
    );
    for (const {at, color} of style.stops) gradient.stop(at, colorOf(color));
    return gradient;
  }

  #place(x: number, y: number): Point {
    const [a, b, c, d, e, f] = this.#matrix;
    return [a * x + c * y + e, b * x + d * y + f];
  }

  #multiply([a2, b2, c2, d2, e2, f2]: Matrix): void {
    const [a, b, c, d, e, f] = this.#matrix;
    this.#matrix = [
      a * a2 + c * b2,
      b * a2 + d * b2,
      a * c2 + c * d2,
      b * c2 + d * d2,
      a * e2 + c * f2 + e,
      b * e2 + d * f2 + f,
    ];
  }
}

/** `rgb(68, 1, 84)` as `#440154`; other colours as they are. */
function colorOf(color: string): string {
  const match = /^rgba?\((\d+), *(\d+), *(\d+)/.exec(color);
  if (match === null) return color;
  return `#${match
    .slice(1, 4)
    .map(part => Number(part).toString(16).padStart(2, '0'))
    .join('')}`;
}
