// The pictures, each as an image that carries its own bytes: an SVG that is an image can neither run scripts nor fetch.

import {formatValue} from '../format.ts';
import type {Anchors} from './anchors.ts';
import type {InstanceFacts, PageFacts, PictureFacts} from './facts.ts';
import {dataUrl, type Html, html, join, nothing} from './html.ts';

export function renderPictures({pictures, instances}: PageFacts, anchors: Anchors): Html {
  if (pictures.length === 0) return nothing;
  const byId = new Map(instances.map(facts => [facts.instance.id, facts]));
  const figures = pictures.map(picture => renderPicture(picture, byId.get(picture.id), anchors));
  return html`<section id="pictures"><h2>Pictures</h2>
<div class="pictures">
${figures}</div></section>
`;
}

function renderPicture(picture: PictureFacts, maker: InstanceFacts | undefined, anchors: Anchors): Html {
  const {id, type, bytes, others} = picture;
  const anchor = anchors.get(id) ?? '';
  const title = titleOf(picture, maker);
  const saved = [picture, ...others].map(
    file =>
      html`<a download="${anchor.replace(/^i-/, '')}-${file.name}" href="${dataUrl(file.type, file.bytes)}">${file.name}</a>`,
  );
  const made = title === id ? nothing : html`by <a href="#${anchor}">${id}</a> `;
  const head = title === id ? html`<a href="#${anchor}">${title}</a>` : title;
  return html`<figure class="${isWide(picture) ? 'broad' : 'plain'}"><img src="${dataUrl(type, bytes)}" alt="${altOf(picture, title)}">
<figcaption><strong>${head}</strong> ${made}<span class="screen">Save: ${join(saved, ', ')}</span></figcaption></figure>
`;
}

/** What the stage calls its picture, else the stage, its cell and the file. */
function titleOf({name}: PictureFacts, maker: InstanceFacts | undefined): string {
  if (maker === undefined) return name;
  const {title} = maker.action?.params ?? maker.instance.params;
  if (typeof title === 'string' && title !== '') return title;
  const cell = Object.entries(maker.instance.cell).map(([axis, value]) => `${axis} ${formatValue(value)}`);
  return [maker.instance.stage.replaceAll(/[-_]/g, ' '), ...cell].join(', ');
}

/** The description that an SVG gives of itself, where it has one. */
function altOf({type, bytes, name}: PictureFacts, title: string): string {
  if (type !== 'image/svg+xml') return `${title} (${name})`;
  const text = Buffer.from(bytes).toString('utf8');
  const [, said] = /<desc[^>]*>([^<]+)<\/desc>/.exec(text) ?? /<title[^>]*>([^<]+)<\/title>/.exec(text) ?? [];
  return said === undefined ? `${title} (${name})` : `${title}: ${decode(said.trim())}`;
}

const decode = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');

/** Broader than this, a picture takes the whole width: half of it would make its text too small. */
const BROAD = 2;

const isWide = (picture: PictureFacts): boolean => {
  const [width, height] = sizeOf(picture);
  return width > BROAD * height;
};

/** What a PNG's header or the root of an SVG says; equal sides where it says nothing. */
function sizeOf({type, bytes}: PictureFacts): readonly [number, number] {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (type === 'image/png' && data.length >= 24) return [data.readUInt32BE(16), data.readUInt32BE(20)];
  if (type !== 'image/svg+xml') return [1, 1];
  const root = /<svg\b[^>]*>/.exec(data.toString('utf8'))?.[0] ?? '';
  const [, width, height] =
    /\bviewBox="[\d.e+-]+[ ,]+[\d.e+-]+[ ,]+([\d.e+-]+)[ ,]+([\d.e+-]+)"/.exec(root) ?? [];
  return width === undefined || height === undefined ? [1, 1] : [Number(width), Number(height)];
}
