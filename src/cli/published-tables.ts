// The tables that a run published, as text for the terminal: the answer to the question that the pipeline asks.

import type {InstanceId} from '../plan/plan.ts';
import {hasTable, renderMarkdown} from '../report/markdown.ts';
import type {Palette} from '../report/palette.ts';
import type {RunSummary} from '../run/request.ts';
import type {BlobStore} from '../store/store.ts';

/** More than these are named by the place where they are published, and not shown. */
const TABLES_SHOWN = 3;

/** Markdown tables among the published outputs of a run that failed nowhere; nothing for a run that did. */
export function publishedTables(blobs: BlobStore, summary: RunSummary, palette: Palette): string[] {
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
      lines.push('', ...renderMarkdown(text, palette), '', palette.dim(`${publish}/${path}`));
    }
  }
  return lines;
}

function resultOf({outcomes}: RunSummary, id: InstanceId) {
  const outcome = outcomes.get(id);
  return outcome?.status === 'executed' || outcome?.status === 'cached' ? outcome.result : undefined;
}
