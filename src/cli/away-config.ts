// What the machines of an executor are that is not this one, as far as it stands in keys: settings that all kinds but
// `local` have. Where nothing is said, they are taken to be like this machine, without GPUs for stages that can do without.

import type {DeviceKind, Platform} from '../action/action.ts';
import {VECTORS} from '../host/platform.ts';
import type {SettingsReader} from './settings-reader.ts';

export interface AwayConfig {
  /** `null`: like this machine. */
  readonly platform: Platform | null;
  /** What a stage with `gpu: optional` gets. */
  readonly gpus: number;
  /** What stages compute on that get a GPU. */
  readonly device: DeviceKind;
}

export const LIKE_HERE: AwayConfig = {platform: null, gpus: 0, device: 'cuda'};

export const readAway = (settings: SettingsReader): AwayConfig => ({
  platform: settings.parsed('platform', 'one such as linux x64 avx2', parsePlatform) ?? LIKE_HERE.platform,
  gpus: settings.count('gpus') ?? LIKE_HERE.gpus,
  device: settings.oneOf('device', ['cuda', 'webgpu'] as const) ?? LIKE_HERE.device,
});

/** As `platformText` writes it. */
function parsePlatform(text: string): Platform | undefined {
  const [os, arch, vector = null, ...rest] = text.split(' ');
  if (os === undefined || arch === undefined || os === '' || arch === '' || rest.length > 0) return undefined;
  return vector === null || VECTORS.includes(vector) ? {os, arch, vector} : undefined;
}
