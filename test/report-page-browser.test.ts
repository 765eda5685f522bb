// The report page in a real browser (headless Chromium): on a desk, on a phone, in the dark, on paper, without
// scripts, and with text that means harm. Skipped where Debian's chromium is not installed.

import assert from 'node:assert/strict';
import {existsSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {pathToFileURL} from 'node:url';
import {type Browser, type BrowserContextOptions, chromium, type Page} from 'playwright-core';
import type {PageFacts} from '../src/report/page/facts.ts';
import {renderPage} from '../src/report/page/page.ts';
import {documentOf, factsOf, madeInstance, PNG, pictureOf, SVG, studyFacts} from './rig/page-facts.ts';

const CHROMIUM = '/usr/bin/chromium';
const PHONE: BrowserContextOptions = {viewport: {width: 360, height: 740}, hasTouch: true, isMobile: true};
const HOSTILE =
  '</script></style></title><img src=x onerror="window.harmed=1"><script>window.harmed=1</script>\u202e\u0007';

interface Opened {
  readonly page: Page;
  /** Addresses that the page asked for, apart from itself. */
  readonly requests: string[];
  /** What the console said, and errors of scripts. */
  readonly complaints: string[];
}

// What runs in the page is text: a test runner's helpers for functions are not there.
const UNFOLD = `for (const details of document.querySelectorAll('details')) details.open = true`;

/** The least ratio of text to its page, as WCAG 2 defines it. */
const WORST_CONTRAST = `(() => {
  const rgb = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const luminance = color => {
    const [r, g, b] = color.map(value => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = luminance(rgb(getComputedStyle(document.querySelector('.sheet')).backgroundColor));
  return Math.min(...[...document.querySelectorAll('p,a,th,td,dt,dd,h1,h2,h3,h4,h5,summary,code')].map(element => {
    const ink = luminance(rgb(getComputedStyle(element).color));
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  }));
})()`;

interface Outline {
  /** Tables without a caption, pictures without a text, drawings without a name. */
  readonly bare: number;
  readonly mute: number;
  readonly unnamed: number;
  /** Of all headings, in order. */
  readonly levels: readonly number[];
}

const OUTLINE = `({
  bare: [...document.querySelectorAll('table')].filter(table => !table.caption?.textContent.trim()).length,
  mute: [...document.querySelectorAll('img')].filter(image => !image.alt).length,
  unnamed: [...document.querySelectorAll('svg')].filter(svg => !svg.getAttribute('aria-labelledby')).length,
  levels: [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(({tagName}) => Number(tagName.slice(1))),
})`;

describe('the report page in Chromium', {skip: existsSync(CHROMIUM) ? false : 'there is no chromium'}, () => {
  const base = mkdtempSync(join(tmpdir(), 'pipe-page-'));
  let browser: Browser;
  before(async () => {
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    });
  });
  after(async () => {
    await browser?.close();
    rmSync(base, {recursive: true, force: true});
  });

  let count = 0;
  const open = async (facts: PageFacts, options: BrowserContextOptions = {}, hash = ''): Promise<Opened> => {
    const file = join(base, `${count++}.html`);
    writeFileSync(file, await renderPage(facts));
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const address = pathToFileURL(file).href;
    const requests: string[] = [];
    const complaints: string[] = [];
    page.on('request', request => {
      if (!request.url().startsWith(address) && !request.url().startsWith('data:'))
        requests.push(request.url());
    });
    page.on('console', message => complaints.push(message.text()));
    page.on('pageerror', error => complaints.push(error.message));
    await page.goto(address + hash);
    return {page, requests, complaints};
  };

  const overflow = (page: Page): Promise<number> =>
    page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');

  test('shows question, tables, pictures and graph, asks for nothing, complains of nothing', async () => {
    const {page, requests, complaints} = await open(studyFacts());
    assert.equal(await page.locator('h1').innerText(), 'study');
    assert.ok(await page.getByText('Does SAM find flatter minima').isVisible());
    assert.ok(await page.locator('#results table').first().isVisible());
    const picture = page.locator('#pictures img');
    assert.ok(await picture.isVisible());
    assert.equal(await page.evaluate('document.querySelector("#pictures img").naturalWidth'), 480);
    assert.equal(await picture.getAttribute('alt'), 'Learning curves: Accuracy over epochs');
    const graph = await page.locator('#graph svg').boundingBox();
    assert.ok((graph?.width ?? 0) > 100 && (graph?.height ?? 0) > 100);
    assert.equal(await page.locator('#instances .card').count(), 10);
    assert.deepEqual(requests, []);
    assert.deepEqual(complaints, []);
  });

  for (const [name, options] of [
    ['a phone', PHONE],
    ['a phone in the dark', {...PHONE, colorScheme: 'dark'}],
    ['a desk', {viewport: {width: 1280, height: 900}}],
  ] as const) {
    test(`nothing runs out of the page on ${name}, with everything unfolded`, async () => {
      const long = madeInstance(
        'a_stage_with_a_rather_long_name',
        {optimizer: 'sam', a_long_axis: 'x'.repeat(90)},
        {params: {list: Array.from({length: 60}, (_, at) => at)}, log: 'y'.repeat(500)},
      );
      const facts = studyFacts();
      const {page} = await open(factsOf([...facts.instances, long], facts), options);
      await page.evaluate(UNFOLD);
      assert.equal(await overflow(page), 0);
    });
  }

  test('text has contrast, in the light and in the dark', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const {page} = await open(studyFacts(), {colorScheme});
      const worst = await page.evaluate<number>(WORST_CONTRAST);
      assert.ok(worst >= 4.5, `${colorScheme}: ${worst}`);
    }
  });

  test('every table has a caption, every picture a text, headings come in order', async () => {
    const {page} = await open(studyFacts());
    const found = await page.evaluate<Outline>(OUTLINE);
    assert.deepEqual({...found, levels: []}, {bare: 0, mute: 0, unnamed: 0, levels: []});
    assert.equal(found.levels.filter(level => level === 1).length, 1);
    for (const [at, level] of found.levels.entries()) {
      assert.ok(level <= (found.levels[at - 1] ?? 0) + 1, `h${level} after h${found.levels[at - 1]}`);
    }
  });

  test('a number leads to its instance, which opens; with and without scripts', async () => {
    for (const javaScriptEnabled of [true, false]) {
      const {page} = await open(studyFacts(), {javaScriptEnabled});
      const parameters = page.locator('#i-train-optimizer-sam-seed-1');
      assert.equal(await parameters.isVisible(), false);
      await page.getByRole('link', {name: '97.44', exact: true}).click();
      await parameters.waitFor({state: 'visible'});
      await page.getByRole('link', {name: '97.05 ± 0.17'}).click();
      await page.locator('#source-1-1').waitFor({state: 'visible'});
    }
  });

  test('without scripts everything is there, and no tool that would do nothing', async () => {
    const {page} = await open(studyFacts(), {javaScriptEnabled: false});
    assert.equal(await page.locator('.tools').isVisible(), false);
    assert.equal(await page.locator('#instances .card').count(), 10);
    await page.locator('#instances .card summary').first().click();
    assert.ok(await page.locator('#i-preprocess').isVisible());
  });

  test('with scripts instances can be found and tables sorted', async () => {
    const {page, complaints} = await open(studyFacts());
    await page.getByLabel('Find').fill('sam seed=1');
    assert.equal(await page.locator('#found').innerText(), '1 of 10');
    assert.equal(await page.locator('#instances .card:visible').count(), 1);
    await page.getByLabel('Find').fill('');
    assert.equal(await page.locator('#instances .card:visible').count(), 10);
    const table = page.locator('#stage-train table');
    const column = (): Promise<string[]> => table.locator('tbody td:nth-child(3)').allInnerTexts();
    await table.getByRole('button', {name: 'test accuracy'}).click();
    assert.deepEqual(await column(), ['0.9698', '0.9705', '0.9712', '0.9744', '0.9761', '0.9772']);
    await table.getByRole('button', {name: 'test accuracy'}).click();
    assert.equal((await column())[0], '0.9772');
    assert.deepEqual(complaints, []);
  });

  test('on paper it is a PDF of several pages with every instance in it', async () => {
    const {page} = await open(studyFacts());
    await page.emulateMedia({media: 'print'});
    assert.ok(await page.getByText('key', {exact: true}).first().isVisible());
    assert.equal(await page.locator('nav').isVisible(), false);
    const pdf = await page.pdf({format: 'A4'});
    assert.equal(pdf.subarray(0, 5).toString(), '%PDF-');
    const pages = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0;
    assert.ok(pages >= 3 && pages <= 12, `${pages} pages`);
  });

  test('text that means harm is text, wherever it comes from', async () => {
    const evil = madeInstance(
      'evil',
      {axis: HOSTILE},
      {
        params: {[HOSTILE]: HOSTILE},
        metrics: {[HOSTILE]: 0.98765},
        env: {[HOSTILE]: HOSTILE},
        log: `${HOSTILE}\n\u001b]8;;http://example.org\u0007link`,
        publish: HOSTILE,
      },
    );
    const svg = SVG.replace(
      '</svg>',
      `<script>parent.harmed=1</script><image href="http://example.org/x.png"/></svg>`,
    );
    const facts = factsOf([evil], {
      documents: [
        documentOf(
          evil.instance.id,
          'table.md',
          'markdown',
          `# ${HOSTILE}\n\n| a |\n| - |\n| ${HOSTILE} |\n\n${HOSTILE}\n`,
        ),
        documentOf(evil.instance.id, HOSTILE, 'csv', `${HOSTILE},b\n"${HOSTILE}",0.98765\n`),
      ],
      pictures: [
        pictureOf(evil.instance.id, 'a.svg', 'image/svg+xml', Buffer.from(svg)),
        pictureOf(evil.instance.id, HOSTILE, 'image/png', PNG),
      ],
    });
    const {page, requests, complaints} = await open({
      ...facts,
      about: HOSTILE,
      params: {[HOSTILE]: HOSTILE},
      commands: [{command: HOSTILE, about: HOSTILE}],
      leftOut: [HOSTILE],
    });
    await page.evaluate(UNFOLD);
    assert.equal(await page.evaluate('"harmed" in window'), false);
    assert.equal(await page.locator('script').count(), 1);
    assert.equal(await page.locator('img').count(), 2);
    assert.ok(await page.locator('.lead').getByText('onerror').isVisible());
    assert.ok(await page.locator('.log pre').getByText('onerror').isVisible());
    assert.equal(await overflow(page), 0);
    assert.deepEqual(requests, []);
    assert.deepEqual(complaints, []);
  });

  test('a link from outside opens what it leads to', async () => {
    const {page} = await open(studyFacts(), {}, '#i-train-optimizer-sgd-seed-2');
    await page.locator('#i-train-optimizer-sgd-seed-2').waitFor({state: 'visible'});
  });

  test('hundreds of instances stay one page that answers', async () => {
    const many = Array.from({length: 600}, (_, seed) =>
      madeInstance('train', {seed}, {metrics: {accuracy: 0.9 + seed / 10_000}}),
    );
    const {page, complaints} = await open(factsOf(many), PHONE);
    await page.getByLabel('Find').fill('seed=123');
    assert.equal(await page.locator('#found').innerText(), '1 of 600');
    assert.equal(await overflow(page), 0);
    assert.deepEqual(complaints, []);
  });
});
