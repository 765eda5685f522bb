// A report page: facts in, one self-contained HTML document out. It asks for nothing outside of itself, and its own
// content policy forbids it to; equal facts give equal bytes.

import {createHash} from 'node:crypto';
import {anchorsOf} from './anchors.ts';
import type {PageFacts} from './facts.ts';
import {renderGraph} from './graph.ts';
import {type Html, html, join, trusted} from './html.ts';
import {renderInstances} from './instances.ts';
import {renderPictures} from './pictures.ts';
import {renderCode, renderEnvironment, renderReproduce} from './provenance.ts';
import {renderResults} from './results.ts';
import {SCRIPT} from './script.ts';
import {STYLE} from './style.ts';
import {renderSummary} from './summary.ts';

/** With more instances than this, paper has those only that are open on the screen. */
const PRINTED_WHOLE = 60;

export async function renderPage(facts: PageFacts): Promise<string> {
  const anchors = anchorsOf(facts.instances.map(({instance}) => instance.id));
  const graph = await renderGraph(facts.graph, facts.pipeline);
  const sections = [
    ['results', 'Results', renderResults(facts, anchors)],
    ['pictures', 'Pictures', renderPictures(facts, anchors)],
    ['graph', 'Graph', graph],
    ['instances', 'Instances', renderInstances(facts, anchors)],
    ['reproduce', 'Reproduce', renderReproduce(facts)],
    ['environment', 'Environment', renderEnvironment(facts)],
    ['code', 'Code', renderCode(facts)],
  ] as const;
  const shown = sections.filter(([, , section]) => section.text !== '');
  const links = shown.map(([id, title]) => html`<li><a href="#${id}">${title}</a></li>`);
  const leftOut =
    facts.leftOut.length === 0 ? null : html`<p class="note">Left out: ${facts.leftOut.join('; ')}.</p>`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="generator" content="pipe ${facts.version}">
<title>${facts.pipeline}: report</title>
<link rel="icon" href="data:,">
<style>${trusted(STYLE)}</style>
</head>
<body class="${facts.instances.length <= PRINTED_WHOLE ? 'few' : 'many'}">
<div class="sheet">
<a class="skip" href="#content">Skip to the content</a>
${renderSummary(facts)}<nav aria-label="Sections"><ul>${links}</ul></nav>
<main id="content">
${join(
  shown.map(([, , section]) => section),
  '',
)}</main>
<footer>${leftOut}${madeOf(facts)}</footer>
</div>
<script>${trusted(SCRIPT)}</script>
</body>
</html>
`.text;
}

function madeOf({version, file, lastRun}: PageFacts): Html {
  const run = lastRun === null ? null : html` after run <code>${lastRun.run}</code>`;
  return html`<p>Made by pipe ${version} from <code>${file}</code>${run}.</p>`;
}

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

const POLICY = [
  "default-src 'none'",
  'img-src data:',
  `style-src ${hashOf(STYLE)}`,
  `script-src ${hashOf(SCRIPT)}`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');
