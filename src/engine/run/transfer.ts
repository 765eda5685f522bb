// Moves tensors to a WebGPU device and back, through a model that hands on what it is given.

import * as ort from 'onnxruntime-node';
import {onnxType} from '../ir/ops.ts';
import {encodeModel} from '../onnx/encode.ts';
import type {Dtype, HostTensor} from '../program.ts';
import {copyOf, fromOrt, toOrt} from './host.ts';
import {type Lease, lease, sessionOptions} from './session.ts';

function identityModel(dtype: Dtype): Uint8Array {
  // Without a shape, the model takes any.
  const any = (name: string) => ({name, type: {tensorType: {elemType: onnxType(dtype)}}});
  return encodeModel({
    name: `hand-on-${dtype}`,
    node: [{name: 'identity', opType: 'Identity', input: ['in'], output: ['out']}],
    input: [any('in')],
    output: [any('out')],
  });
}

type Direction = 'up' | 'down';

/** Uploads and downloads; holds one session per type and direction until it is disposed of. */
export class Transfer {
  readonly #leases = new Map<string, Promise<Lease>>();

  #lease(direction: Direction, dtype: Dtype): Promise<Lease> {
    const key = `${direction} ${dtype}`;
    const known = this.#leases.get(key);
    if (known !== undefined) return known;
    const options = sessionOptions('webgpu', 1);
    const held = lease(identityModel(dtype), 'webgpu', {
      ...options,
      ...(direction === 'up' ? {preferredOutputLocation: 'gpu-buffer'} : {}),
    });
    this.#leases.set(key, held);
    return held;
  }

  async #run(direction: Direction, dtype: Dtype, tensor: ort.OnnxValue): Promise<ort.Tensor> {
    const {session} = await this.#lease(direction, dtype);
    const {out} = await session.run({in: tensor});
    if (!(out instanceof ort.Tensor)) throw new TypeError('expected a tensor');
    return out;
  }

  /** The caller disposes of the result. */
  upload(tensor: HostTensor): Promise<ort.Tensor> {
    return this.#run('up', tensor.dtype, toOrt(tensor));
  }

  async download(dtype: Dtype, tensor: ort.Tensor): Promise<HostTensor> {
    return copyOf(fromOrt(await this.#run('down', dtype, tensor)));
  }

  async dispose(): Promise<void> {
    const leases = await Promise.all(this.#leases.values());
    this.#leases.clear();
    for (const held of leases) await held.release();
  }
}
