// The report page as text: what leads where, what is said, that equal facts give equal pages. How it looks and behaves
// in a browser is in report-page-browser.test.ts.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {printable} from '../src/core/printable.ts';
import type {InstanceId} from '../src/plan/plan.ts';
import {anchorsOf} from '../src/report/page/anchors.ts';
import {parseCsv} from '../src/report/page/csv.ts';
import {escapeHtml, html} from '../src/report/page/html.ts';
import {renderPage} from '../src/report/page/page.ts';
import {computeMs} from '../src/report/page/summary.ts';
import {factsOf, madeInstance, studyFacts} from './rig/page-facts.ts';

const idOf = (text: string): InstanceId => text as InstanceId;

test('a number of one result leads to its instance, one of several to a line that names them all', async () => {
  const page = await renderPage(studyFacts());
  const line = (anchor: string): string => new RegExp(`<li id="${anchor}">.*?</li>`).exec(page)?.[0] ?? '';
  const linked = (text: string): string[] =>
    [...text.matchAll(/href="#i-train-([^"]*)"/g)].map(([, id]) => id ?? '');
  const seeds = (optimizer: string): string[] => [0, 1, 2].map(seed => `optimizer-${optimizer}-seed-${seed}`);
  assert.match(
    page,
    /<a href="#i-train-optimizer-sgd-seed-2" title="value, test accuracy of train[^"]*">97\.05<\/a>/,
  );
  // 97.05 is also what seed 2 of SGD gave, and its mean.
  assert.deepEqual(linked(line('source-1-1')), seeds('sgd'));
  assert.deepEqual(linked(line('source-1-3')), [...seeds('sam'), ...seeds('sgd')]);
  assert.match(line('source-1-3'), /difference of the means, test accuracy: .*; against /);
});

test('nothing is guessed: what the trace does not name is not linked, and without one no number is', async () => {
  const facts = studyFacts();
  const page = await renderPage(facts);
  assert.doesNotMatch(page, />97\.59 \(elsewhere\)<\/a>/);
  const untraced = facts.documents.map(document => ({...document, trace: null}));
  assert.doesNotMatch(await renderPage({...facts, documents: untraced}), /href="#source-/);
});

test('a result that is not on the page is named with its key', async () => {
  const facts = studyFacts();
  const gone = facts.instances.map(each =>
    each.instance.id === 'train[optimizer=sam,seed=1]' ? {...each, fingerprint: null} : each,
  );
  const page = await renderPage({...facts, instances: gone});
  assert.match(page, /train\[optimizer=sam,seed=1\] <code class="digest">[0-9a-f]{10}<\/code>/);
});

test('the page has links for what was traced, and every link within the page leads somewhere', async () => {
  const page = await renderPage(studyFacts());
  assert.match(page, /<a href="#i-train-optimizer-sam-seed-1" title="[^"]*">97\.44<\/a>/);
  assert.match(page, /<a href="#source-1-1"[^>]*>97\.05 ± 0\.17<\/a>/);
  assert.match(page, /<a href="#source-1-2"[^>]*>97\.59 ± 0\.35ᵃ<\/a>/);
  assert.match(page, /<a href="#source-1-3"[^>]*>\+0\.54<\/a>/);
  const ids = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
  const targets = [...page.matchAll(/href="#([^"]*)"/g)].map(([, target]) => target);
  assert.ok(targets.length > 30, `${targets.length} links`);
  assert.deepEqual(
    targets.filter(target => !ids.has(target)),
    [],
  );
});

test('no id stands twice, whatever instances are called', async () => {
  const facts = factsOf(['a b', 'a-b', 'a/b', 'ä'].map(axis => madeInstance('s', {axis})));
  const ids = [...(await renderPage(facts)).matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  assert.equal(new Set(ids).size, ids.length);
});

test('equal facts give equal bytes', async () => {
  assert.equal(await renderPage(studyFacts()), await renderPage(studyFacts()));
});

test('the page names no address but its own parts and data', async () => {
  const page = await renderPage(studyFacts());
  const addresses = [...page.matchAll(/\b(?:src|href|srcset|action|poster)="([^"]*)"/g)].map(
    ([, url]) => url ?? '',
  );
  assert.deepEqual(
    addresses.filter(url => !url.startsWith('#') && !url.startsWith('data:')),
    [],
  );
  assert.doesNotMatch(page, /@import|url\(/);
});

test('Markdown of others makes no HTML, no pictures and no dangerous links', async () => {
  const facts = studyFacts();
  const [first] = facts.documents;
  assert.ok(first);
  const text = [
    '# T <img src=x onerror=alert(1)>',
    '',
    '<script>alert(1)</script>',
    '',
    '![p](http://example.org/p.png) [l](javascript:alert(1)) <b onclick="x">b</b> H<sub>2</sub>O',
    '',
    '| a |',
    '| - |',
    '| <iframe src=y></iframe> |',
  ].join('\n');
  const page = await renderPage({...facts, documents: [{...first, text}]});
  const body = page.slice(page.indexOf('<section id="results">'), page.indexOf('<section id="pictures">'));
  assert.doesNotMatch(body, /<(script|img|iframe|b)\b/);
  assert.doesNotMatch(body, /href="javascript/);
  assert.match(body, /H<sub>2<\/sub>O/);
  assert.match(body, /&lt;script&gt;alert\(1\)/);
});

test('results that are not what the pipeline says now are named at the top', async () => {
  const [first, ...rest] = studyFacts().instances;
  assert.ok(first);
  const page = await renderPage(factsOf([{...first, isOutdated: true, state: 'failed'}, ...rest]));
  assert.match(page, /1 failed in the last try; 1 made with other parameters/);
  assert.doesNotMatch(await renderPage(factsOf(rest)), /role="note"/);
});

test('compute time counts a result that several instances share once', () => {
  const [a, b] = [madeInstance('s', {x: 1}, {seconds: 3}), madeInstance('s', {x: 2}, {seconds: 5})];
  assert.equal(computeMs([a, b]), 8000);
  assert.equal(computeMs([a, {...b, fingerprint: a.fingerprint, made: a.made}]), 3000);
});

test('escaping leaves nothing that markup is made of, for any text', () => {
  fc.assert(
    fc.property(fc.string({unit: 'binary'}), text => {
      const escaped = html`<p title="${text}">${text}</p>`.text;
      for (const letter of '<>"\'\0\u001b') assert.ok(!escapeHtml(text).includes(letter));
      assert.equal(escaped.match(/</g)?.length, 2);
    }),
  );
});

test('every instance has its own anchor', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string()), names => {
      const anchors = [...anchorsOf(names.map(idOf)).values()];
      assert.equal(new Set(anchors).size, names.length);
      for (const anchor of anchors) assert.match(anchor, /^[A-Za-z0-9_.-]+$/);
    }),
  );
});

test('a log is shown without colours, and a progress bar in its last state', () => {
  assert.equal(printable('\u001b[31mred\u001b[0m\r\n 10 %\r 20 %\r100 %\nend\r'), 'red\n100 %\nend');
});

test('CSV is read back as it was written', () => {
  assert.deepEqual(parseCsv('a,b\r\n"x, ""y""\n",\n'), [
    ['a', 'b'],
    ['x, "y"\n', ''],
  ]);
  const quote = (field: string): string => `"${field.replaceAll('"', '""')}"`;
  fc.assert(
    fc.property(fc.array(fc.array(fc.string(), {minLength: 1}), {minLength: 1}), rows => {
      const text = rows.map(row => `${row.map(quote).join(',')}\r\n`).join('');
      assert.deepEqual(parseCsv(text), rows);
    }),
  );
});

test('a broad picture takes the whole width; files to save have names that do not meet', async () => {
  const facts = studyFacts();
  const [first] = facts.pictures;
  assert.ok(first);
  const broad = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 300"></svg>');
  const page = await renderPage({...facts, pictures: [first, {...first, bytes: broad}]});
  assert.equal(page.match(/<figure class="broad">/g)?.length, 1);
  assert.match(page, /download="plot-curves\.svg"/);
});
