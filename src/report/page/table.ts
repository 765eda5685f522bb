// Tables as markup: a caption, headed columns, headed rows, in a box that scrolls by itself when it is wide.

import {type Html, html, type Inlay} from './html.ts';

export interface PageColumn {
  readonly text: string;
  readonly isNumber: boolean;
}

export interface PageTable {
  /** Read out; seen only with `showsCaption`. */
  readonly caption: string;
  readonly showsCaption?: boolean;
  readonly columns: readonly PageColumn[];
  /** The first cell of a row is its header. */
  readonly rows: readonly {readonly cells: readonly Inlay[]; readonly anchor?: string}[];
  /** Offered to be sorted where scripts run. */
  readonly isSortable?: boolean;
}

export function renderPageTable({caption, showsCaption, columns, rows, isSortable}: PageTable): Html {
  const classOf = (index: number): string => (columns[index]?.isNumber ? 'number' : 'text');
  const head = columns.map(({text}, index) => html`<th scope="col" class="${classOf(index)}">${text}</th>`);
  const body = rows.map(({cells}) => {
    const inner = cells.map((cell, index) =>
      index === 0
        ? html`<th scope="row" class="${classOf(0)}">${cell}</th>`
        : html`<td class="${classOf(index)}">${cell}</td>`,
    );
    return html`<tr>${inner}</tr>
`;
  });
  const captionClass = showsCaption ? 'seen' : 'unseen';
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${caption}"><table class="${isSortable ? 'sortable' : 'plain'}"><caption class="${captionClass}">${caption}</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${body}</tbody></table></div>
`;
}

/** Names and values, as a list of pairs. */
export function renderPairs(rows: readonly (readonly [Inlay, Inlay])[]): Html {
  const pairs = rows.map(
    ([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>
`,
  );
  return html`<dl class="pairs">${pairs}</dl>
`;
}
