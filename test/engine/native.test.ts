// TF.js's native package, where `npm run native` has built it: the same steps as the compiled programs'.

import assert from 'node:assert/strict';
import {createRequire} from 'node:module';
import {test} from 'node:test';
import {compile} from '../../src/engine/index.ts';
import {assertClose} from './compare.ts';
import {residualNetwork} from './residual-network.ts';

const isThere = ((): boolean => {
  try {
    createRequire(import.meta.url).resolve('@tensorflow/tfjs-node');
    return true;
  } catch {
    return false;
  }
})();

test('a residual network is the same compiled and on the native package', {skip: !isThere}, async () => {
  const {definition, scanned} = residualNetwork(3);
  const results = [];
  for (const device of ['tfjs', 'cpu'] as const) {
    const program = await compile(definition, {device});
    if (device === 'tfjs') assert.match(program.device.name, /@tensorflow\/tfjs-node/);
    results.push({metrics: await program.run(scanned), state: await program.readState()});
    await program.dispose();
  }
  const [native, compiled] = results;
  assert.ok(native && compiled);
  assertClose(native.metrics, compiled.metrics, {relative: 2e-3, absolute: 2e-3});
  assertClose(native.state, compiled.state, {relative: 2e-3, absolute: 2e-3});
});
