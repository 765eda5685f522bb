// The graph passes in their order: a traced graph in, the graph that is compiled out.

import {fuseProducts} from './fuse.ts';
import type {Builder} from './ir/builder.ts';
import type {Graph} from './ir/value.ts';
import {chooseLayout} from './layout.ts';

export const optimize = (b: Builder, graph: Graph): Graph => fuseProducts(b, chooseLayout(b, graph));
