// The head of the page: the question, and what was done to answer it, in numbers.

import {formatDuration, plural} from '../format.ts';
import type {InstanceFacts, PageFacts, RunFacts} from './facts.ts';
import {type Html, html, type Inlay} from './html.ts';
import {renderTime} from './time.ts';

export function renderSummary(facts: PageFacts): Html {
  const {pipeline, about, file, instances, lastRun} = facts;
  const finished = instances.filter(({state, made}) => made !== null || state === 'recorded').length;
  const items: (readonly [string, Inlay, string])[] = [];
  const newest = Math.max(
    ...instances.map(({made}) => (made === null ? 0 : made.startedAt + made.durationMs)),
  );
  if (newest > 0) items.push(['Results of', renderTime(newest), '']);
  items.push([
    'Instances',
    finished === instances.length ? finished : `${finished} of ${instances.length}`,
    `of ${plural(new Set(instances.map(({instance}) => instance.stage)).size, 'stage')}`,
  ]);
  const compute = computeMs(instances);
  if (compute > 0) items.push(['Compute time', formatDuration(compute), 'of all results together']);
  if (lastRun !== null) items.push(['Last run', tally(lastRun), lastRunNote(lastRun)]);
  const cells = items.map(
    ([
      name,
      value,
      note,
    ]) => html`<div><dt>${name}</dt><dd>${value}${note === '' ? null : html` <small>${note}</small>`}</dd></div>
`,
  );
  return html`<header>
<p class="kind">Pipeline report · <code>${file}</code></p>
<h1>${pipeline}</h1>
${about === '' ? null : html`<p class="lead">${about}</p>`}
<dl class="facts">
${cells}</dl>
${renderWarnings(instances)}</header>
`;
}

/** Instances that share one result are counted once. */
export function computeMs(instances: readonly InstanceFacts[]): number {
  const made = new Map<string, number>();
  for (const facts of instances) {
    if (facts.made !== null) made.set(facts.fingerprint ?? facts.instance.id, facts.made.durationMs);
  }
  return [...made.values()].reduce((sum, ms) => sum + ms, 0);
}

function tally({executed, cached, failed, others}: RunFacts): string {
  const parts = [
    executed > 0 ? `${executed} executed` : '',
    cached > 0 ? `${cached} cached` : '',
    failed > 0 ? `${failed} failed` : '',
    others > 0 ? `${others} not reached` : '',
  ].filter(part => part !== '');
  return parts.length === 0 ? 'nothing to do' : parts.join(', ');
}

const lastRunNote = ({durationMs}: RunFacts): string =>
  durationMs === null ? 'it did not end' : `in ${formatDuration(durationMs)}`;

/** What a reader must know before believing the rest. */
function renderWarnings(instances: readonly InstanceFacts[]): Html | null {
  const count = (test: (facts: InstanceFacts) => boolean): number => instances.filter(test).length;
  const sentences = [
    [count(({state}) => state === 'failed'), 'failed in the last try'],
    [count(({state}) => state === 'unfinished'), 'stopped before the end in the last try'],
    [count(({state}) => state === 'missing'), 'without a result of these parameters'],
    [count(({state}) => state === 'never-run'), 'never run'],
    [count(({isOutdated}) => isOutdated), 'made with other parameters than the pipeline says now'],
    [count(({state}) => state === 'recorded'), 'known from the lock file alone'],
  ] as const;
  const said = sentences.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  return said.length === 0
    ? null
    : html`<p class="warning" role="note"><strong>Not all as it should be:</strong> of ${plural(instances.length, 'instance')}, ${said.join('; ')}.</p>
`;
}
