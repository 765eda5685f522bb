// A Markdown document → HTML whose tables can be scrolled and whose numbers are links. The document's own HTML is
// text, apart from superscripts, subscripts and line breaks; pictures and scripts cannot come in.

import MarkdownIt, {type Token} from 'markdown-it';
import {escapeHtml, type Html, trusted} from './html.ts';
import type {NumberPlace, Sources} from './sources.ts';

const HARMLESS = /^(<\/?su[bp]>|<br ?\/?>)$/;

const parser = new MarkdownIt({html: true, linkify: false, typographer: false}).disable('image');
parser.renderer.rules.html_inline = (tokens, index) => {
  const {content = ''} = tokens[index] ?? {};
  return HARMLESS.test(content) ? content : escapeHtml(content);
};
parser.renderer.rules.html_block = (tokens, index) => `<p>${escapeHtml(tokens[index]?.content ?? '')}</p>\n`;
parser.renderer.rules.table_close = () => '</table></div>\n';

/** `level`: of the document's highest heading. `name` is what tables are called that stand under no heading. */
export function renderMarkdownPage(text: string, level: number, name: string, sources: Sources): Html {
  const tokens = parser.parse(text, {});
  shiftHeadings(tokens, level);
  let title = name;
  for (const [index, token] of tokens.entries()) {
    if (token.type === 'heading_open') title = plainText(tokens[index + 1]) || name;
    else if (token.type === 'table_open') {
      const end = tokens.findIndex((other, at) => at > index && other.type === 'table_close');
      prepareTable(tokens.slice(index, end), name, sources);
      token.meta = {title};
    }
  }
  return trusted(parser.renderer.render(tokens, parser.options, {}));
}

parser.renderer.rules.table_open = (tokens, index) => {
  const title = escapeHtml(String(tokens[index]?.meta?.title ?? ''));
  return `<div class="scroll" role="region" tabindex="0" aria-label="${title}"><table><caption class="unseen">${title}</caption>\n`;
};

function shiftHeadings(tokens: readonly Token[], level: number): void {
  const headings = tokens.filter(({type}) => type === 'heading_open' || type === 'heading_close');
  const highest = Math.min(...headings.map(levelOf));
  for (const heading of headings) heading.tag = `h${Math.min(6, levelOf(heading) - highest + level)}`;
}

const levelOf = ({tag}: Token): number => Number(tag.slice(1));

/** Alignment as a class instead of a style, row headers, and links around numbers that have a source. */
function prepareTable(tokens: readonly Token[], name: string, sources: Sources): void {
  let line = 0;
  let column = 0;
  for (const [index, token] of tokens.entries()) {
    if (token.type === 'tr_open') {
      line = (token.map?.[0] ?? -1) + 1;
      column = 0;
    } else if (token.type === 'th_open' || token.type === 'td_open') {
      const isRight = String(token.attrGet('style')).includes('right');
      token.attrs = isRight ? [['class', 'number']] : null;
      const inner = tokens[index + 1];
      if (token.type === 'th_open') token.attrSet('scope', 'col');
      else if (inner !== undefined)
        linkCell(inner, {file: name, line, column, shown: plainText(inner)}, sources);
      column++;
    }
  }
}

function linkCell(cell: Token, place: NumberPlace, sources: Sources): void {
  const children = cell.children ?? [];
  if (children.some(({type}) => type === 'link_open')) return;
  const link = sources.link(place);
  const [first] = children;
  if (link === undefined || first === undefined) return;
  const TokenOf = first.constructor as new (type: string, tag: string, nesting: -1 | 0 | 1) => Token;
  const open = new TokenOf('link_open', 'a', 1);
  open.attrs = [
    ['href', link.href],
    ['title', link.title],
  ];
  cell.children = [open, ...children, new TokenOf('link_close', 'a', -1)];
}

/** Without marks of footnotes, which are raised letters. */
function plainText(token: Token | undefined): string {
  let isRaised = false;
  let text = '';
  for (const {type, content} of token?.children ?? []) {
    if (type === 'html_inline') isRaised = /^<su[bp]>$/.test(content);
    else if (!isRaised) text += content;
  }
  return text.replace(/[\p{Lm}\s]+$/u, '').trim();
}
