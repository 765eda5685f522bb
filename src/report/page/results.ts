// The results: published documents as tables and text, each with what it was made from and files to save.

import type {InstanceId} from '../../plan/plan.ts';
import {plural} from '../format.ts';
import type {Anchors} from './anchors.ts';
import {parseCsv} from './csv.ts';
import type {DocumentFacts, InstanceFacts, PageFacts} from './facts.ts';
import {dataUrl, type Html, html, join, nothing} from './html.ts';
import {renderMarkdownPage} from './markdown.ts';
import {Sources} from './sources.ts';
import {renderPageTable} from './table.ts';

/** Rows of a CSV file that are shown; all of them are in the file to save. */
const ROWS_SHOWN = 200;
const TYPES = {markdown: 'text/markdown', csv: 'text/csv', text: 'text/plain'} as const;

export function renderResults({documents, instances}: PageFacts, anchors: Anchors): Html {
  if (documents.length === 0) return nothing;
  const byId = new Map(instances.map(facts => [facts.instance.id, facts]));
  const makers = [...new Set(documents.map(({id}) => id))];
  const articles = makers.map((id, index) =>
    renderArticle(
      id,
      documents.filter(document => document.id === id),
      byId,
      anchors,
      `source-${index + 1}`,
    ),
  );
  return html`<section id="results"><h2>Results</h2>
${articles}</section>
`;
}

function renderArticle(
  id: InstanceId,
  documents: readonly DocumentFacts[],
  instances: ReadonlyMap<InstanceId, InstanceFacts>,
  anchors: Anchors,
  prefix: string,
): Html {
  const trace = documents.find(document => document.trace !== null)?.trace ?? null;
  const byFingerprint = new Map([...instances.values()].map(facts => [facts.fingerprint, facts.instance.id]));
  const sources = new Sources(prefix, trace, fingerprint => {
    const found = byFingerprint.get(fingerprint);
    return found === undefined ? undefined : anchors.get(found);
  });
  const written = documents.filter(({format}) => format === 'markdown');
  const tables = documents.filter(({format}) => format === 'csv');
  const shown = written.map(({text, name}) => renderMarkdownPage(text, 3, name, sources));
  const csv = tables.map(document => renderCsv(document, sources, written.length > 0));
  const publish = instances.get(id)?.instance.publish ?? null;
  const saved = documents.map(
    ({name, format, text}) =>
      html`<a download="${name}" href="${dataUrl(TYPES[format], Buffer.from(text))}">${name}</a>`,
  );
  return html`<article class="document">
${shown}${written.length > 0 ? sources.render() : null}${csv}${written.length > 0 ? null : sources.render()}
<p class="origin">Made by <a href="#${anchors.get(id) ?? ''}">${id}</a>${publish === null ? null : html`, published at <code>${publish}</code>`}. <span class="screen">Save: ${join(saved, ', ')}</span></p>
</article>
`;
}

function renderCsv({name, text}: DocumentFacts, sources: Sources, isFolded: boolean): Html {
  const [header = [], ...all] = parseCsv(text, name.endsWith('.tsv') ? '\t' : ',');
  const rows = all.slice(0, ROWS_SHOWN);
  const lines = linesOf([header, ...rows]).slice(1);
  const columns = header.map((head, index) => ({
    text: head,
    isNumber: rows.length > 0 && rows.every(row => /^([-+−]?[\d.]+(e[-+]?\d+)?)?$/i.test(row[index] ?? '')),
  }));
  const table = renderPageTable({
    caption: name,
    columns,
    rows: rows.map((row, index) => ({
      cells: header.map((_, column) => {
        const cell = row[column] ?? '';
        const link = sources.link({file: name, line: lines[index] ?? 0, column, shown: cell});
        return link === undefined ? cell : html`<a href="${link.href}" title="${link.title}">${cell}</a>`;
      }),
    })),
    isSortable: true,
  });
  const hidden = all.length - rows.length;
  const note = hidden > 0 ? html`<p class="note">${plural(hidden, 'more row')} in the file.</p>` : nothing;
  if (!isFolded) return html`<h3>${name}</h3>${table}${note}`;
  return html`<details><summary>${name}, ${plural(all.length, 'row')}</summary>${table}${note}</details>`;
}

/** The line on which each record begins: a field may hold line breaks. */
function linesOf(records: readonly (readonly string[])[]): readonly number[] {
  let line = 1;
  return records.map(record => {
    const first = line;
    line += record.reduce((breaks, field) => breaks + field.split('\n').length - 1, 1);
    return first;
  });
}
