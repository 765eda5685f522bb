// Loads every kernel.

import './argmax-pool.ts';
import './binary.ts';
import './complex.ts';
import './conv.ts';
import './counting.ts';
import './crop.ts';
import './indexing.ts';
import './movement.ts';
import './pool.ts';
import './product.ts';
import './reduce.ts';
import './resize.ts';
import './spatial.ts';
import './unary.ts';
import './volume.ts';

export {definedKernels} from './registry.ts';
