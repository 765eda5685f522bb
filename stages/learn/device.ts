// The engine's device for what a stage was granted.

import type {DeviceChoice} from '../../src/engine/index.ts';
import {StageError} from '../../src/stage/define.ts';

export interface GrantedDevice {
  readonly choice: string;
  readonly gpus: readonly number[];
}

/** `auto` without a granted GPU is the CPU. @throws StageError for a device that the engine does not know. */
export function engineDevice({choice, gpus}: GrantedDevice): DeviceChoice {
  const known: readonly DeviceChoice[] = ['auto', 'cpu', 'webgpu', 'cuda', 'tfjs'];
  const device = known.find(name => name === choice);
  if (device === undefined) throw new StageError(`expected a device of ${known.join(', ')}, got ${choice}`);
  return device === 'auto' && gpus.length === 0 ? 'cpu' : device;
}
