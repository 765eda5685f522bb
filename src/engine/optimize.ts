// The graph passes in their order: a traced graph in, the graph that is compiled out.

import {lengthenRuns} from './broadcast.ts';
import {fuseProducts} from './fuse.ts';
import type {Builder} from './ir/builder.ts';
import type {Graph} from './ir/value.ts';
import {chooseLayout, type LayoutTarget} from './layout.ts';
import {splitSums} from './sums.ts';

export const optimize = (b: Builder, graph: Graph, target: LayoutTarget): Graph =>
  lengthenRuns(b, fuseProducts(b, splitSums(b, chooseLayout(b, graph, target))));
