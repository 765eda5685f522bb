// Where results come from: the code behind each digest, the machines and packages, and the commands to do it again.

import {shortDigest} from '../../core/digest.ts';
import {byCodeUnit} from '../../core/json.ts';
import {formatBytes, formatDuration, formatValue, plural} from '../format.ts';
import {gitText} from '../occasion.ts';
import {codeAnchor} from './anchors.ts';
import type {CodeFacts, PageFacts} from './facts.ts';
import {type Html, html, nothing} from './html.ts';
import {renderPageTable, renderPairs} from './table.ts';

export function renderReproduce({commands}: PageFacts): Html {
  const items = commands.map(
    ({command, about}) => html`<li><p>${about}</p><pre tabindex="0"><code>${command}</code></pre></li>
`,
  );
  return html`<section id="reproduce"><h2>Reproduce</h2>
<ol class="commands">
${items}</ol></section>
`;
}

export function renderCode({code}: PageFacts): Html {
  if (code.length === 0) return nothing;
  return html`<section id="code"><h2>Code</h2>
<p class="note">A digest is that of what the sources say, without comments and white space; what is not used is not in it.</p>
${code.map(renderOneCode)}</section>
`;
}

function renderOneCode({digest, uses, files, packages}: CodeFacts): Html {
  const table = renderPageTable({
    caption: `Sources of ${uses}`,
    columns: [
      {text: 'file', isNumber: false},
      {text: 'SHA-256', isNumber: false},
      {text: 'imported by', isNumber: false},
    ],
    rows: files.map(({path, digest, importedBy}) => ({
      cells: [path, html`<code>${shortDigest(digest)}</code>`, importedBy ?? ''],
    })),
  });
  const names = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  const unknown = html`<p class="note">Made elsewhere: its list of sources is not known here.</p>`;
  return html`<details class="card" id="of-${codeAnchor(digest)}"><summary><h3>${uses}</h3> <code class="gist">${shortDigest(digest)}</code> <span class="took">${plural(files.length, 'file')}</span></summary>
<div class="inside" id="${codeAnchor(digest)}"><p class="id"><code class="digest">${digest}</code></p>${files.length === 0 ? unknown : table}${names.length === 0 ? null : html`<p>Packages: ${names.join(', ')}</p>`}</div></details>
`;
}

/** What was made on one kind of machine, all instances together. */
interface MachineUse {
  readonly cells: readonly string[];
  count: number;
  ms: number;
  cpuMs: number;
  peakBytes: number;
}

const renderSources = (sources: ReadonlyMap<string, number>): Html =>
  sources.size === 0
    ? nothing
    : html`<h3>Sources</h3><ul>${[...sources].map(
        ([text, count]) => html`<li>${plural(count, 'instance')} from ${text}</li>`,
      )}</ul>`;

export function renderEnvironment({instances, code, version, params}: PageFacts): Html {
  const machines = new Map<string, MachineUse>();
  const sources = new Map<string, number>();
  for (const {made} of instances) {
    if (made === null) continue;
    const cells = [made.host, made.platform, made.device === '' ? '–' : made.device, String(made.cpus)];
    const key = cells.join('\n');
    const machine = machines.get(key) ?? {cells, count: 0, ms: 0, cpuMs: 0, peakBytes: 0};
    machine.count++;
    machine.ms += made.durationMs;
    machine.cpuMs += made.cpuMs ?? 0;
    machine.peakBytes = Math.max(machine.peakBytes, made.peakBytes ?? 0);
    machines.set(key, machine);
    const source = made.git === null ? null : gitText(made.git);
    if (source !== null) sources.set(source, (sources.get(source) ?? 0) + 1);
  }
  const packages = [
    ...new Set(code.flatMap(({packages}) => Object.entries(packages).map(entry => entry.join(' ')))),
  ];
  const table =
    machines.size === 0
      ? nothing
      : renderPageTable({
          caption: 'Where the instances were made',
          columns: [
            {text: 'host', isNumber: false},
            {text: 'platform', isNumber: false},
            {text: 'device', isNumber: false},
            {text: 'threads', isNumber: true},
            {text: 'instances', isNumber: true},
            {text: 'work', isNumber: true},
            {text: 'CPU time', isNumber: true},
            {text: 'memory at most', isNumber: true},
          ],
          rows: [...machines.values()].map(({cells, count, ms, cpuMs, peakBytes}) => ({
            cells: [
              ...cells,
              count,
              formatDuration(ms),
              cpuMs === 0 ? '–' : formatDuration(cpuMs),
              peakBytes === 0 ? '–' : formatBytes(peakBytes),
            ],
          })),
        });
  const settings = Object.entries(params).map(
    ([name, value]) => [name, html`<code>${formatValue(value)}</code>`] as const,
  );
  return html`<section id="environment"><h2>Environment</h2>
${table}${settings.length === 0 ? null : html`<h3>Parameters of the pipeline</h3>${renderPairs(settings)}`}${renderSources(sources)}<h3>Versions</h3>
<p>pipe ${version}${packages.sort(byCodeUnit).map(text => `, ${text}`)}</p></section>
`;
}
