import assert from 'node:assert/strict';
import {test} from 'node:test';
import {toDot, toMermaid} from '../src/report/graph-export.ts';
import {drawGraph} from '../src/report/graph-text.ts';
import {plainPalette} from '../src/report/palette.ts';
import type {Graph, GraphNode} from '../src/report/stage-graph.ts';

const node = (id: string, more: Partial<GraphNode> = {}): GraphNode => ({
  id,
  stage: id,
  cell: null,
  instances: 1,
  axes: [],
  work: id,
  publish: null,
  isPending: false,
  ...more,
});

const study: Graph = {
  nodes: [
    node('download'),
    node('preprocess'),
    node('grid', {instances: 18, axes: ['optimizer', 'lr', 'rho']}),
    node('best', {instances: 2, axes: ['optimizer']}),
    node('train', {instances: 10, axes: ['optimizer', 'seed']}),
    node('table', {publish: 'results/study'}),
  ],
  edges: [
    {from: 'download', to: 'preprocess', gathers: false},
    {from: 'preprocess', to: 'grid', gathers: false},
    {from: 'grid', to: 'best', gathers: true},
    {from: 'preprocess', to: 'train', gathers: false},
    {from: 'best', to: 'train', gathers: false},
    {from: 'train', to: 'table', gathers: true},
  ],
};

test('a study is drawn with lanes that end at their last consumer', () => {
  assert.deepEqual(drawGraph(study, plainPalette), [
    '● download',
    '● preprocess',
    '├─╮',
    '│ ● grid      optimizer × lr × rho  18',
    '│ ● best      optimizer              2',
    '├─╯',
    '● train       optimizer × seed      10',
    '● table                                 → results/study',
  ]);
});

test('lanes cross, join from both sides, and are used again when they are free', () => {
  const edge = (from: string, to: string) => ({from, to, gathers: false});
  const graph: Graph = {
    nodes: ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(id => node(id)),
    edges: [
      edge('a', 'd'),
      edge('b', 'd'),
      edge('c', 'd'),
      edge('a', 'e'),
      edge('c', 'f'),
      edge('d', 'g'),
      edge('f', 'g'),
    ],
  };
  assert.deepEqual(drawGraph(graph, plainPalette), [
    '● a',
    '│ ● b',
    '│ │ ● c',
    '├─┼─┤',
    '│ ● │ d',
    '● │ │ e',
    '  │ ● f',
    '  ├─╯',
    '  ● g',
  ]);
});

test('Mermaid and DOT name nodes so that no text of the user can break them', () => {
  const graph: Graph = {
    nodes: [node('a"]; evil <b>'), node('b', {publish: 'out', instances: 2, axes: ['x']})],
    edges: [{from: 'a"]; evil <b>', to: 'b', gathers: true}],
  };
  assert.equal(
    toMermaid(graph),
    ['flowchart TD', '  n0["a&quot;]; evil &lt;b&gt;"]', '  n1(["b<br>× 2  x"])', '  n0 ==> n1', ''].join(
      '\n',
    ),
  );
  const dot = toDot(graph, 'my "study"');
  assert.match(dot, /^digraph "my \\"study\\"" \{/);
  assert.match(dot, /n0 \[label="a\\"\]; evil <b>"\];/);
  assert.match(dot, /n0 -> n1 \[color="#7d8aa5:transparent:#7d8aa5"\]/);
});
