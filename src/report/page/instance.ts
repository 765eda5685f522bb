// One instance, whole: parameters, inputs, metrics, outputs, how it was made, code, log. Folded until it is asked for.

import type {Action, ActionInput, ActionWork, Artifact, TrackedFiles} from '../../action/action.ts';
import {shortDigest} from '../../core/digest.ts';
import type {Json} from '../../core/json.ts';
import type {InputEdge, Producer} from '../../plan/plan.ts';
import {producersIn} from '../../plan/plan-graph.ts';
import {quoteArgument} from '../failure.ts';
import {formatBytes, formatDuration, formatNumber, formatValue, plural} from '../format.ts';
import {continuedText, gitText, usageText} from '../occasion.ts';
import {type Anchors, codeAnchor} from './anchors.ts';
import type {InstanceFacts, InstanceState} from './facts.ts';
import {type Html, html, type Inlay, join, nothing} from './html.ts';
import {renderPairs} from './table.ts';
import {renderTime} from './time.ts';

const PRODUCERS_SHOWN = 12;
const METRICS_IN_HEAD = 2;

/** Not said of what is as it should be. */
const BADGES: Readonly<Record<InstanceState, string | null>> = {
  done: null,
  failed: 'the last try failed',
  unfinished: 'the last try was stopped',
  recorded: 'from the lock file',
  missing: 'no result of these parameters',
  'never-run': 'never run',
};

/** Of the action that gave the result, else as the pipeline says. */
export const paramsOf = ({action, instance}: InstanceFacts): Readonly<Record<string, Json>> =>
  action?.params ?? instance.params;

/** The parameters in which the instances of a stage differ, and where those are that they share. */
export interface Sharing {
  readonly names: readonly string[];
  readonly anchor: string;
}

/** `sharing`: `null` where there is only this instance. */
export function renderInstance(facts: InstanceFacts, anchors: Anchors, sharing: Sharing | null): Html {
  const {instance, state, isOutdated, action, made, log} = facts;
  const {id, stage, cell} = instance;
  const anchor = anchors.get(id) ?? '';
  const headline = Object.entries(facts.metrics)
    .slice(0, METRICS_IN_HEAD)
    .map(([name, value]) => `${name.replaceAll('_', ' ')} ${formatNumber(value)}`);
  const badge = BADGES[state];
  const name = Object.entries(cell)
    .map(([axis, value]) => `${axis}=${formatValue(value)}`)
    .join(', ');
  return html`<details class="card" id="of-${anchor}"><summary><h4>${name === '' ? stage : name}</h4> ${badge === null ? null : html`<span class="badge ${state}">${badge}</span> `}${isOutdated ? html`<span class="badge outdated">made with other parameters</span> ` : null}<span class="gist">${headline.join(' · ')}</span> <span class="took">${made === null ? '' : formatDuration(made.durationMs)}</span></summary>
<div class="inside" id="${anchor}">
<p class="id"><code>${id}</code></p>
<div class="blocks">
${renderParameters(facts, sharing)}${block(
  'Metrics',
  Object.entries(facts.metrics).map(([name, value]) => [
    name,
    html`<span title="${String(value)}">${formatNumber(value)}</span>`,
  ]),
)}${block(
  'Inputs',
  Object.entries(instance.inputs).map(([name, edge]) => [
    name,
    renderInput(edge, action?.inputs[name], anchors),
  ]),
  'inputs',
)}${block('Made', madeRows(facts))}${block(
  'Outputs',
  Object.entries(facts.outputs).map(([name, {kind, digest, size}]) => [
    name,
    html`${size === null ? null : `${formatBytes(size)} `}${kind === 'folder' ? 'folder ' : null}<code class="digest">${digest}</code>`,
  ]),
  'wide',
)}${block('Code and key', codeRows(facts), 'wide')}${action === undefined ? null : renderWork(action.work)}</div>
${log === null ? null : renderLog(log.text, log.hidden, id)}</div></details>
`;
}

function renderParameters(facts: InstanceFacts, sharing: Sharing | null): Html {
  const all = Object.entries(paramsOf(facts));
  const own = all.filter(([name]) => sharing === null || sharing.names.includes(name));
  const rows: (readonly [Inlay, Inlay])[] = own.map(([name, value]) => [
    name,
    html`<code>${formatValue(value)}</code>`,
  ]);
  const shared = all.length - own.length;
  if (sharing !== null && shared > 0) {
    rows.push([html`<a href="#${sharing.anchor}">and ${shared} more</a>`, 'that all of this stage share']);
  }
  return block('Parameters', rows);
}

function block(title: string, rows: readonly (readonly [Inlay, Inlay])[], kind = 'narrow'): Html {
  if (rows.length === 0) return nothing;
  return html`<div class="block ${kind}"><h5>${title}</h5>${renderPairs(rows)}</div>
`;
}

function renderInput(edge: InputEdge, content: ActionInput | undefined, anchors: Anchors): Html {
  const producers = producersIn(edge);
  const contents = content === undefined ? [] : content.kind === 'one' ? [content.content] : content.contents;
  const items = producers.map((producer, index) =>
    renderProducer(producer, Object.values(contents[index]?.outputs ?? {}), anchors),
  );
  const shown = items.slice(0, PRODUCERS_SHOWN);
  const more = items.slice(PRODUCERS_SHOWN);
  if (more.length === 0) return join(shown, html`<br>`);
  return html`${join(shown, html`<br>`)}<details><summary>${more.length} more</summary>${join(more, html`<br>`)}</details>`;
}

function renderProducer(
  {id, output}: Producer,
  outputs: readonly {readonly artifact: Artifact}[],
  anchors: Anchors,
): Html {
  const digests = outputs.map(
    ({artifact}) => html` <code class="digest">${shortDigest(artifact.digest)}</code>`,
  );
  return html`<a href="#${anchors.get(id) ?? ''}">${id}</a>${output === null ? null : `.${output}`}${digests}`;
}

function madeRows({made, instance}: InstanceFacts): (readonly [Inlay, Inlay])[] {
  if (made === null) return [];
  const rows: (readonly [Inlay, Inlay])[] = [
    ['when', renderTime(made.startedAt)],
    ['took', [formatDuration(made.durationMs), ...usageText(made)].join(', ')],
    ['after', made.continued === null ? '' : continuedText(made.continued)],
    ['from', made.git === null ? '' : html`<span title="${made.git.commit}">${gitText(made.git)}</span>`],
    ['in run', html`<code>${made.run}</code>`],
    ['executor', made.executor],
    ['host', made.host],
    ['platform', made.platform],
    ['device', made.device],
    ['threads', made.cpus],
    ['published', instance.publish === null ? '' : html`<code>${instance.publish}</code>`],
  ];
  return rows.filter(([, value]) => value !== '');
}

function codeRows({action, fingerprint, instance}: InstanceFacts): (readonly [Inlay, Inlay])[] {
  const rows: (readonly [Inlay, Inlay])[] = [];
  if (action !== undefined) {
    rows.push(...workRows(action.work, instance.work.kind === 'module' ? instance.work.uses : ''));
    rows.push(...declaredRows(action));
  }
  if (fingerprint !== null) rows.push(['key', html`<code class="digest">${fingerprint}</code>`]);
  return rows;
}

function workRows(work: ActionWork, uses: string): (readonly [Inlay, Inlay])[] {
  if (work.kind !== 'shell') {
    const code = html`<code class="digest">${work.code}</code>`;
    return [['code', html`<a href="#${codeAnchor(work.code)}">sources of ${uses}</a> ${code}`]];
  }
  return fileRows(work.code);
}

function declaredRows({files, env, device, salt}: Action): (readonly [Inlay, Inlay])[] {
  return [
    ...fileRows(files),
    ...Object.entries(env).map(
      ([name, value]) =>
        [
          html`<code>$${name}</code>`,
          value === null
            ? 'not set'
            : value === 'secret'
              ? value
              : html`digest <code>${shortDigest(value)}</code>`,
        ] as const,
    ),
    ...(device === null ? [] : [['device in the key', device] as const]),
    ...(salt === null ? [] : [['salt', html`<code>${salt}</code>`] as const]),
  ];
}

const fileRows = (files: TrackedFiles): (readonly [Inlay, Inlay])[] =>
  Object.entries(files).map(([path, {digest, isExecutable}]) => [
    html`<code>${path}</code>${isExecutable ? ' (executable)' : ''}`,
    html`<code class="digest">${digest}</code>`,
  ]);

const renderWork = (work: ActionWork): Html =>
  work.kind !== 'shell'
    ? nothing
    : html`<div class="block wide"><h5>Command</h5><pre class="command">${work.command.trimEnd()}</pre></div>
`;

function renderLog(text: string, hidden: number, id: string): Html {
  if (text.trim() === '') return nothing;
  const lines = text.trimEnd().split('\n');
  const note =
    hidden === 0
      ? nothing
      : html`<p class="note">The ${plural(hidden, 'line')} before are in <code>pipe log ${quoteArgument(id)}</code>.</p>`;
  return html`<details class="log"><summary>Log, ${plural(lines.length + hidden, 'line')}</summary>${note}<pre tabindex="0">${lines.join('\n')}</pre></details>
`;
}
