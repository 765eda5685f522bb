import assert from 'node:assert/strict';
import {test} from 'node:test';
import {formatBytes, formatClock, formatDuration, formatNumber, formatValue} from '../src/report/format.ts';
import {renderMarkdown} from '../src/report/markdown.ts';
import {paletteOf, plainPalette} from '../src/report/palette.ts';
import {renderTable} from '../src/report/table.ts';

test('a table aligns numbers at their decimal points and text to the left', () => {
  const lines = renderTable(
    [
      {header: 'instance', align: 'left'},
      {header: 'accuracy', align: 'number'},
      {header: 'size', align: 'right'},
    ],
    [
      ['train[seed=1]', '97.31 ± 0.12', '1.2 kB'],
      ['best', '9.5', '980 B'],
      ['grid', '—', ''],
    ],
  );
  assert.deepEqual(lines, [
    'instance           accuracy    size',
    'train[seed=1]  97.31 ± 0.12  1.2 kB',
    'best            9.5           980 B',
    'grid                      —',
  ]);
});

test('colours and wide characters do not move a column', () => {
  const {failed} = paletteOf(1);
  const columns = [
    {header: '', align: 'left'},
    {header: '', align: 'left'},
  ] as const;
  const [first = '', second = ''] = renderTable(columns, [
    [failed('重み'), 'x'],
    ['abcd', 'y'],
  ]);
  assert.equal(first, `${failed('重み')}  x`);
  assert.equal(second, 'abcd  y');
});

test('a Markdown table is drawn as people read it, without its marks', () => {
  const text = [
    '# Result',
    '',
    '| optimizer | `test` accuracy | n |',
    '|---|---:|--:|',
    '| SGD | 97.31 ± 0.12 | 5 |',
    '| **SAM** \\| rho | 9.5 ± 0.1 | 15 |',
    '',
    '*Note*: see [the page](https://example.org/page), snake_case stays.',
    '',
  ].join('\n');
  assert.deepEqual(renderMarkdown(text, plainPalette), [
    'Result',
    '',
    '  optimizer  test accuracy   n',
    '  SGD         97.31 ± 0.12   5',
    '  SAM | rho    9.5 ± 0.1    15',
    '',
    'Note: see the page, snake_case stays.',
  ]);
});

test('quantities are short and keep their order of magnitude', () => {
  assert.deepEqual([0, 42.4, 99.6, 1234, 59_949, 59_960, 185_000, 3_599_600, 7_380_000].map(formatDuration), [
    '0 ms',
    '42 ms',
    '0.1 s',
    '1.2 s',
    '59.9 s',
    '1 min 00 s',
    '3 min 05 s',
    '1 h 00 min',
    '2 h 03 min',
  ]);
  assert.deepEqual([0, 999, 1000, 999_499, 999_600, 45_600_000].map(formatBytes), [
    '0 B',
    '999 B',
    '1.00 kB',
    '999 kB',
    '1.00 MB',
    '45.6 MB',
  ]);
  assert.deepEqual([7_000, 750_000, 3_723_000].map(formatClock), ['0:07', '12:30', '1:02:03']);
  assert.deepEqual([3, 0.1 + 0.2, 1e-7, -2.5].map(formatNumber), ['3', '0.3', '1e-7', '-2.5']);
  assert.deepEqual(['sam', 'two words', 0.1, null, [1, 2]].map(formatValue), [
    'sam',
    '"two words"',
    '0.1',
    'null',
    '[1,2]',
  ]);
});

test('marks behind a backslash are themselves', () => {
  const [line] = renderMarkdown('seeds=\\[0,1\\] and \\*not\\* `code` **bold**', plainPalette);
  assert.equal(line, 'seeds=[0,1] and *not* code bold');
});
