// The tables that a run published, as text for the terminal: the answer to the question that the pipeline asks.

import type {InstanceId} from '../plan/plan.ts';
import {hasTable, renderMarkdown} from '../report/markdown.ts';
import {paletteOf} from '../report/palette.ts';
import type {RunSummary} from '../run/request.ts';
import type {BlobStore} from '../store/store.ts';
import type {Output} from './surroundings.ts';

/** More than these are named by the place where they are published, and not shown. */
const TABLES_SHOWN = 3;

/** Markdown tables among the published outputs of a run that failed nowhere; nothing for a run that did. */
export function publishedTables(blobs: BlobStore, summary: RunSummary, output: Output): string[] {
  const palette = paletteOf(output.colors);
  // A file or a pipe takes lines of any length.
  const columns = output.isTerminal ? output.screen.size().columns : Number.POSITIVE_INFINITY;
  if (summary.counts.failed > 0 || summary.isStopped) return [];
  const lines: string[] = [];
  let shown = 0;
  for (const {id, publish, outputs} of summary.plan.instances) {
    const result = publish === null ? undefined : resultOf(summary, id);
    if (publish === null || result === undefined) continue;
    for (const [name, artifact] of Object.entries(result.outputs)) {
      const path = outputs[name]?.path ?? name;
      if (artifact.kind !== 'file' || !path.endsWith('.md') || shown >= TABLES_SHOWN) continue;
      const bytes = blobs.read(artifact.digest);
      const text = bytes.ok ? bytes.value.toString('utf8') : '';
      if (!hasTable(text)) continue;
      shown++;
      lines.push('', ...renderMarkdown(text, palette, columns), '', palette.dim(`${publish}/${path}`));
    }
  }
  return lines;
}

function resultOf({outcomes}: RunSummary, id: InstanceId) {
  const outcome = outcomes.get(id);
  return outcome?.status === 'executed' || outcome?.status === 'cached' ? outcome.result : undefined;
}
