// Loads every kernel.

import './argmax-pool.ts';
import './binary.ts';
import './conv.ts';
import './indexing.ts';
import './movement.ts';
import './pool.ts';
import './product.ts';
import './reduce.ts';
import './unary.ts';

export {definedKernels} from './registry.ts';
