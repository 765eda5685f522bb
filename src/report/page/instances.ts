// Every instance, stage by stage: a table of what differs between the instances of a stage, then each one whole.

import type {Json} from '../../core/json.ts';
import {formatDuration, formatNumber, formatValue, plural} from '../format.ts';
import {type Anchors, sharedAnchor, stageAnchor} from './anchors.ts';
import type {InstanceFacts, InstanceState, PageFacts} from './facts.ts';
import {type Html, html, type Inlay, nothing} from './html.ts';
import {paramsOf, renderInstance} from './instance.ts';
import {type PageColumn, renderPageTable, renderPairs} from './table.ts';

const METRICS_SHOWN = 6;
const PARAMETERS_SHOWN = 6;
const CARDS_SHOWN = 8;

export function renderInstances({instances}: PageFacts, anchors: Anchors): Html {
  const stages = [...new Set(instances.map(({instance}) => instance.stage))];
  const sections = stages.map(stage =>
    renderStage(
      stage,
      instances.filter(({instance}) => instance.stage === stage),
      anchors,
    ),
  );
  return html`<section id="instances"><h2>Instances</h2>
<p class="note">Every step of the study, with all that determined it. A result is named by digests: equal digests are equal bytes.</p>
<div class="tools screen" hidden><label>Find <input type="search" id="find" placeholder="sam, seed=1, 3f9a02…" autocomplete="off"></label><button type="button" id="unfold">Open all</button><button type="button" id="fold">Close all</button><output id="found" for="find"></output></div>
${sections}</section>
`;
}

function renderStage(stage: string, members: readonly InstanceFacts[], anchors: Anchors): Html {
  const [first] = members;
  if (first === undefined) return nothing;
  const {work} = first.instance;
  const axes = [...new Set(members.flatMap(({instance}) => Object.keys(instance.cell)))];
  const compute = members.reduce((sum, {made}) => sum + (made?.durationMs ?? 0), 0);
  const uses = work.kind === 'shell' ? 'a command' : work.uses === stage ? '' : `uses ${work.uses}`;
  const parts = [
    uses,
    plural(members.length, 'instance'),
    axes.join(' × '),
    compute > 0 ? `${formatDuration(compute)} of work` : '',
  ].filter(part => part !== '');
  const varying = varyingParameters(members);
  const inner =
    members.length === 1
      ? html`<div class="cards">
${renderInstance(first, anchors, null)}</div>`
      : html`${renderOverview(stage, members, axes, varying, anchors)}${renderShared(stage, first, varying)}${renderCards(stage, members, varying, anchors)}`;
  return html`<section class="stage" id="${stageAnchor(stage)}"><h3>${stage}</h3>
<p class="note">${parts.join(' · ')}</p>
${inner}</section>
`;
}

/** What is the same in all instances of a stage is said once. */
function renderShared(stage: string, first: InstanceFacts, varying: readonly string[]): Html {
  const shared = Object.entries(paramsOf(first)).filter(([name]) => !varying.includes(name));
  if (shared.length === 0) return nothing;
  const pairs = renderPairs(shared.map(([name, value]) => [name, html`<code>${formatValue(value)}</code>`]));
  return html`<details class="shared"><summary>${plural(shared.length, 'parameter')} that all of them share</summary><div class="columns" id="${sharedAnchor(stage)}">${pairs}</div></details>
`;
}

/** Many are folded together: the table above leads to each of them. */
function renderCards(
  stage: string,
  members: readonly InstanceFacts[],
  varying: readonly string[],
  anchors: Anchors,
): Html {
  const sharing = {names: varying, anchor: sharedAnchor(stage)};
  const cards = html`<div class="cards">
${members.map(facts => renderInstance(facts, anchors, sharing))}</div>`;
  if (members.length <= CARDS_SHOWN) return cards;
  return html`<details class="many-cards"><summary>Each of the ${members.length} instances</summary>${cards}</details>`;
}

function renderOverview(
  stage: string,
  members: readonly InstanceFacts[],
  axes: readonly string[],
  varying: readonly string[],
  anchors: Anchors,
): Html {
  const params = varying.filter(name => !axes.includes(name)).slice(0, PARAMETERS_SHOWN);
  const metrics = [...new Set(members.flatMap(({metrics}) => Object.keys(metrics)))].slice(0, METRICS_SHOWN);
  const hasStates = members.some(({state}) => state !== 'done');
  const labels = axes.length > 0 ? axes : ['instance'];
  const columns: PageColumn[] = [
    ...labels.map(text => ({text, isNumber: axes.length > 0 && isNumeric(members, text)})),
    ...params.map(text => ({text, isNumber: false})),
    ...metrics.map(text => ({text: text.replaceAll('_', ' '), isNumber: true})),
    {text: 'took', isNumber: true},
    ...(hasStates ? [{text: 'state', isNumber: false}] : []),
  ];
  const texts = metrics.map(name => alignedNumbers(members, name));
  const rows = members.map(facts => {
    const {id, cell} = facts.instance;
    const values = labels.map(axis => (Object.hasOwn(cell, axis) ? formatValue(cell[axis]) : '–'));
    const [head, ...rest] = axes.length > 0 ? values : [id];
    const cells: Inlay[] = [
      html`<a href="#${anchors.get(id) ?? ''}" title="${id}">${head ?? id}</a>`,
      ...rest,
      ...params.map(name => shortValue(paramsOf(facts)[name])),
      ...metrics.map((_, index) => texts[index]?.get(facts) ?? ''),
      facts.made === null ? '' : formatDuration(facts.made.durationMs),
      ...(hasStates ? [STATE_TEXTS[facts.state]] : []),
    ];
    return {cells};
  });
  return renderPageTable({caption: `Instances of ${stage}`, columns, rows, isSortable: true});
}

const STATE_TEXTS: Readonly<Record<InstanceState, string>> = {
  done: 'done',
  failed: 'failed',
  unfinished: 'unfinished',
  recorded: 'recorded',
  missing: 'no result',
  'never-run': 'never run',
};

const isNumeric = (members: readonly InstanceFacts[], axis: string): boolean =>
  members.every(({instance: {cell}}) => !Object.hasOwn(cell, axis) || typeof cell[axis] === 'number');

/** Parameters in which instances differ. */
function varyingParameters(members: readonly InstanceFacts[]): string[] {
  const names = [...new Set(members.flatMap(facts => Object.keys(paramsOf(facts))))];
  const textsOf = (name: string): Set<string> =>
    new Set(members.map(facts => formatValue(paramsOf(facts)[name] ?? null)));
  return names.filter(name => textsOf(name).size > 1);
}

const MOST_DECIMALS = 5;

/** One metric of all instances with the same decimals, where none of them is too small for that. */
function alignedNumbers(members: readonly InstanceFacts[], name: string): ReadonlyMap<InstanceFacts, string> {
  const found = members.flatMap(facts => {
    const value = facts.metrics[name];
    return value === undefined ? [] : [{facts, value}];
  });
  const decimals = found.map(({value}) => formatNumber(value).split('.')[1]?.length ?? 0);
  const most = Math.min(MOST_DECIMALS, Math.max(0, ...decimals));
  const isSmall = found.some(({value}) => value !== 0 && Math.abs(value) < 0.001);
  return new Map(found.map(({facts, value}) => [facts, isSmall ? formatNumber(value) : value.toFixed(most)]));
}

const SHORT = 40;
const shortValue = (value: Json | undefined): string => {
  const text = value === undefined ? '–' : formatValue(value);
  return text.length > SHORT ? `${text.slice(0, SHORT - 1)}…` : text;
};
