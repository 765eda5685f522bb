// The graph passes in their order: a traced graph in, the graph that is compiled out.

import {fuseProducts} from './fuse.ts';
import type {Builder} from './ir/builder.ts';
import type {Graph} from './ir/value.ts';
import {chooseLayout, type LayoutTarget} from './layout.ts';
import {splitSums} from './sums.ts';

export const optimize = (b: Builder, graph: Graph, target: LayoutTarget): Graph =>
  fuseProducts(b, splitSums(b, chooseLayout(b, graph, target)));
