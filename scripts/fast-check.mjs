// Loaded before every test: a property that fails prints the error of its smallest counterexample, not the values alone.

import fc from 'fast-check';

fc.configureGlobal({includeErrorInReport: true});
