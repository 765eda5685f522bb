// Loaded before every test: a property that fails prints the error of its smallest counterexample, not the values alone, and
// all of them draw the same values every time, or those of `FC_SEED`: no run of the tests fails by luck. Whoever looks for
// what is rare runs a file by itself (`node --import tsx --test FILE`), which draws others each time.

import fc from 'fast-check';

const {FC_SEED = '20010101'} = process.env;
fc.configureGlobal({includeErrorInReport: true, seed: Number(FC_SEED)});
