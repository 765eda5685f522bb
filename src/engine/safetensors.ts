// Safetensors, the file format for named tensors (github.com/huggingface/safetensors, format 0.3):
// 8 bytes of header length, a JSON header, then the data. Same tensors in, same bytes out.
// Reading is strict: a file with holes, overlaps, wrong sizes or unknown types is an error, never a guess.

import type {Dtype, HostTensor, HostTensors} from './program.ts';

export interface TensorFile {
  readonly tensors: HostTensors;
  /** Free text beside the tensors. The format allows strings only. */
  readonly metadata: Readonly<Record<string, string>>;
}

interface Entry {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

const tags = {float32: 'F32', int32: 'I32', uint8: 'U8', bool: 'BOOL'} as const;
const widths = {float32: 4, int32: 4, uint8: 1, bool: 1} as const;
const maxHeaderBytes = 100_000_000;

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/**
 * The bytes of a safetensors file. Tensors lie in the official writer's order: wide types first, then by name.
 * @throws when a tensor's data do not fill its shape, or when a tensor is called `__metadata__`.
 */
export function encodeSafetensors(file: TensorFile): Uint8Array {
  const entries = Object.entries(file.tensors).sort(
    ([a, x], [b, y]) => widths[y.dtype] - widths[x.dtype] || byCodeUnit(a, b),
  );
  const header: Record<string, unknown> = {};
  const metadata = Object.entries(file.metadata).sort(([a], [b]) => byCodeUnit(a, b));
  if (metadata.length > 0) header.__metadata__ = Object.fromEntries(metadata);
  let offset = 0;
  for (const [name, tensor] of entries) {
    if (name === '__metadata__')
      throw new Error('safetensors: a tensor cannot be called __metadata__; rename it');
    if (tensor.data.length !== sizeOf(tensor.shape)) {
      throw new Error(
        `safetensors: expected ${sizeOf(tensor.shape)} elements for ${name} of shape [${tensor.shape.join(', ')}], got ${tensor.data.length}`,
      );
    }
    const end = offset + tensor.data.byteLength;
    header[name] = {dtype: tags[tensor.dtype], shape: tensor.shape, data_offsets: [offset, end]};
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / 8) * 8; // padded with spaces, so that the data are aligned
  const bytes = new Uint8Array(8 + headerBytes + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, 8, 8 + headerBytes);
  bytes.set(json, 8);
  let at = 8 + headerBytes;
  for (const [, {data}] of entries) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/**
 * Reads a safetensors file. The tensors are views of `bytes` where alignment allows it: do not write to either.
 * @param place what the bytes are, for messages, such as a file name.
 * @throws when the bytes are not a whole and consistent safetensors file of the types that the engine knows.
 */
export function decodeSafetensors(bytes: Uint8Array, place: string): TensorFile {
  const fail = (message: string): never => {
    throw new Error(`${place} is not a safetensors file that can be read: ${message}`);
  };
  if (bytes.length < 8) fail(`expected at least 8 bytes, got ${bytes.length}`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > maxHeaderBytes || Number(length) + 8 > bytes.length) {
    fail(
      `the header claims ${length} bytes, the file has ${bytes.length}; it was cut short or is of another format`,
    );
  }
  const dataStart = 8 + Number(length);
  const {entries, metadata} = readHeader(bytes.subarray(8, dataStart), fail);
  let expected = 0;
  for (const [name, {begin, end}] of [...entries].sort(
    ([, a], [, b]) => a.begin - b.begin || a.end - b.end,
  )) {
    if (begin !== expected) fail(`expected the data of ${name} at offset ${expected}, got ${begin}`);
    expected = end;
  }
  if (dataStart + expected !== bytes.length) {
    fail(`expected ${dataStart + expected} bytes as the header says, got ${bytes.length}`);
  }
  const tensors: Record<string, HostTensor> = {};
  for (const [name, entry] of entries) tensors[name] = tensorAt(bytes, dataStart, entry);
  return {tensors, metadata};
}

function readHeader(json: Uint8Array, fail: (message: string) => never) {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', {fatal: true}).decode(json));
  } catch (error) {
    fail(`the header is not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
  if (!isRecord(header)) return fail('the header is not a JSON object');
  const entries: [string, Entry][] = [];
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') {
      if (!isRecord(value)) return fail('__metadata__ is not an object');
      for (const [key, text] of Object.entries(value)) {
        if (typeof text !== 'string')
          return fail(`expected a string for __metadata__.${key}, got ${typeof text}`);
        metadata[key] = text;
      }
    } else {
      entries.push([name, readEntry(name, value, fail)]);
    }
  }
  return {entries, metadata};
}

function readEntry(name: string, value: unknown, fail: (message: string) => never): Entry {
  if (!isRecord(value)) return fail(`expected an object for ${name}, got ${JSON.stringify(value)}`);
  const {dtype: tag, shape, data_offsets: offsets} = value;
  const dtype = dtypeOf(tag);
  if (dtype === undefined) {
    return fail(
      `expected ${Object.values(tags).join(', ')} as the type of ${name}, got ${JSON.stringify(tag)}`,
    );
  }
  if (!isNaturals(shape))
    return fail(`expected natural numbers as the shape of ${name}, got ${JSON.stringify(shape)}`);
  if (!isNaturals(offsets) || offsets.length !== 2) return fail(`${name} has no pair of data_offsets`);
  const [begin = 0, end = 0] = offsets;
  if (end - begin !== sizeOf(shape) * widths[dtype]) {
    return fail(
      `expected ${sizeOf(shape) * widths[dtype]} bytes for ${name} of shape [${shape}], got ${end - begin}`,
    );
  }
  return {dtype, shape, begin, end};
}

function tensorAt(bytes: Uint8Array, dataStart: number, {dtype, shape, begin, end}: Entry): HostTensor {
  const slice = bytes.subarray(dataStart + begin, dataStart + end);
  if (dtype === 'uint8' || dtype === 'bool') return {dtype, shape, data: slice};
  const {buffer, byteOffset} = slice.byteOffset % 4 === 0 ? slice : slice.slice();
  const elements = (end - begin) / 4;
  return dtype === 'float32'
    ? {dtype, shape, data: new Float32Array(buffer, byteOffset, elements)}
    : {dtype, shape, data: new Int32Array(buffer, byteOffset, elements)};
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isNaturals = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every(item => Number.isSafeInteger(item) && item >= 0);

function dtypeOf(tag: unknown): Dtype | undefined {
  for (const dtype of ['float32', 'int32', 'uint8', 'bool'] as const) if (tags[dtype] === tag) return dtype;
  return undefined;
}
