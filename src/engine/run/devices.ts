// Which devices are really there, and which one a program gets.

import * as ort from 'onnxruntime-node';
import {EngineError} from '../errors.ts';
import type {Device, DeviceChoice} from '../program.ts';
import {isFast, type Probe, probe} from './probe.ts';
import {findTfjs} from './tfjs.ts';

export interface DeviceReport {
  readonly kind: Device['kind'];
  readonly isAvailable: boolean;
  /** What it is, or why it is not there; one line. */
  readonly detail: string;
}

const runtime = (): string => `ONNX Runtime ${ort.env.versions.node ?? ort.env.versions.common}`;

const speed = (found: Probe & {kind: 'present'}): string =>
  `matrix products in ${found.device.toFixed(1)} ms, on cpu in ${found.cpu.toFixed(1)} ms`;

function describe(found: Probe): string {
  if (found.kind === 'absent') return found.why;
  return isFast(found) ? speed(found) : `${speed(found)}: a software adapter, or a GPU slower than the CPU`;
}

/** Every device with whether it can be used, for people. */
export async function listDevices(): Promise<readonly DeviceReport[]> {
  const [webgpu, cuda, tfjs] = await Promise.all([probe('webgpu'), probe('cuda'), findTfjs()]);
  return [
    {kind: 'cpu', isAvailable: true, detail: runtime()},
    {kind: 'webgpu', isAvailable: webgpu.kind === 'present', detail: describe(webgpu)},
    {kind: 'cuda', isAvailable: cuda.kind === 'present', detail: describe(cuda)},
    {kind: 'tfjs', isAvailable: true, detail: `eagerly on ${tfjs.name}`},
  ];
}

const onCpu = (threads: number, reason: string): Device => ({
  kind: 'cpu',
  name: `${runtime()} on cpu, ${threads} thread${threads === 1 ? '' : 's'}`,
  reason,
});
const onGpu = (kind: 'webgpu' | 'cuda', reason: string): Device => ({
  kind,
  name: `${runtime()} on ${kind}`,
  reason,
});

/** The device for a choice. Throws `EngineError` for one that is asked for and not there. */
export async function chooseDevice(choice: DeviceChoice, threads: number): Promise<Device> {
  switch (choice) {
    case 'cpu':
      return onCpu(threads, 'asked for');
    case 'tfjs': {
      const {name} = await findTfjs();
      return {kind: 'tfjs', name: `TensorFlow.js on ${name}`, reason: 'asked for'};
    }
    case 'webgpu':
    case 'cuda': {
      const found = await probe(choice);
      if (found.kind === 'present') return onGpu(choice, 'asked for');
      throw new EngineError(`expected the device ${choice}, which is not there: ${found.why}`);
    }
    case 'auto': {
      const [cuda, webgpu] = await Promise.all([probe('cuda'), probe('webgpu')]);
      if (isFast(cuda)) return onGpu('cuda', `the fastest here: ${speed(cuda)}`);
      if (isFast(webgpu)) return onGpu('webgpu', `the fastest here: ${speed(webgpu)}`);
      return onCpu(threads, `the fastest here (webgpu: ${describe(webgpu)}; cuda: ${describe(cuda)})`);
    }
  }
}
