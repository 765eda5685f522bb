// Whether a GPU is there and how fast it is, found out in a process of its own: a driver that is missing or broken
// may write to the terminal or end the process that asks for it.

import {execFile} from 'node:child_process';
import {existsSync, readdirSync} from 'node:fs';
import {createRequire} from 'node:module';
import {availableParallelism} from 'node:os';
import {dirname, join} from 'node:path';
import {encodeModel, tensorInfo} from '../onnx/encode.ts';

export type Probe =
  /** Milliseconds for the same matrix products on the device and on the CPU. */
  | {readonly kind: 'present'; readonly device: number; readonly cpu: number}
  | {readonly kind: 'absent'; readonly why: string};

const require = createRequire(import.meta.url);
/** Sides of the matrices: the large ones are left out where the small ones show a hopeless case. */
const sizes = [128, 1024];
const rounds = 4;
/** A driver that hangs counts as absent. */
const timeLimit = 30_000;

/** A chain of matrix products, long enough for a GPU to show what it can do. */
function chainModel(): Uint8Array {
  const shape = ['n', 'n'];
  const node = Array.from({length: rounds}, (_, i) => ({
    name: `product_${i}`,
    opType: 'MatMul',
    input: [i === 0 ? 'x' : `y${i - 1}`, 'w'],
    output: [i === rounds - 1 ? 'y' : `y${i}`],
  }));
  return encodeModel({
    name: 'probe',
    node,
    input: [tensorInfo('x', 'float32', shape), tensorInfo('w', 'float32', shape)],
    output: [tensorInfo('y', 'float32', shape)],
  });
}

const script = `
const ort = require(process.env.PROBE_ORT);
const model = Buffer.from(process.env.PROBE_MODEL, 'base64');
const [small, large] = ${JSON.stringify(sizes)};
async function open(device) {
  const executionProviders = device === 'cpu' ? ['cpu'] : [device, 'cpu'];
  const intraOpNumThreads = Number(process.env.PROBE_THREADS);
  return ort.InferenceSession.create(model, {executionProviders, intraOpNumThreads, logSeverityLevel: 4});
}
async function time(session, n) {
  const tensor = new ort.Tensor('float32', new Float32Array(n * n).fill(1 / n), [n, n]);
  let best = Infinity;
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    await session.run({x: tensor, w: tensor});
    if (i > 0) best = Math.min(best, performance.now() - start);
  }
  return best;
}
(async () => {
  const sessions = [await open(process.env.PROBE_DEVICE), await open('cpu')];
  const measure = async n => ({device: await time(sessions[0], n), cpu: await time(sessions[1], n)});
  const first = await measure(small);
  const isHopeless = first.device > 20 * first.cpu && first.device > 20;
  process.stdout.write(JSON.stringify(isHopeless ? first : await measure(large)));
})().catch(error => { process.stdout.write(JSON.stringify({why: String(error.message)})); });
`;

const folder = (): string => dirname(require.resolve('onnxruntime-node/package.json'));

/** A sign of a graphics device that costs no process to look for. */
function hasSign(): boolean {
  if (process.platform !== 'linux') return true;
  const {VK_ICD_FILENAMES, VK_DRIVER_FILES} = process.env;
  if (VK_ICD_FILENAMES !== undefined || VK_DRIVER_FILES !== undefined) return true;
  if (existsSync('/dev/nvidiactl') || existsSync('/dev/dxg')) return true;
  return existsSync('/dev/dri') && readdirSync('/dev/dri').some(name => name.startsWith('renderD'));
}

function findMissing(device: 'webgpu' | 'cuda'): string | undefined {
  if (!hasSign()) return 'no graphics device found';
  if (device === 'webgpu') return undefined;
  const name =
    process.platform === 'win32' ? 'onnxruntime_providers_cuda.dll' : 'libonnxruntime_providers_cuda.so';
  const library = join(folder(), 'bin', 'napi-v6', process.platform, process.arch, name);
  return existsSync(library)
    ? undefined
    : 'the CUDA libraries of onnxruntime-node are not installed (install it with --onnxruntime-node-install=cuda12)';
}

/** The first sentence of ONNX Runtime's message, without its source positions. */
const short = (message: string): string =>
  message
    .replace(/^.*was false\.\s*/s, '')
    .split('\n')[0]
    ?.trim()
    .slice(0, 200) ?? message;

const isRecord = (x: unknown): x is Record<string, unknown> => typeof x === 'object' && x !== null;

function parse(output: string): Probe | undefined {
  try {
    const found: unknown = JSON.parse(output);
    if (!isRecord(found)) return undefined;
    if (typeof found.why === 'string') return {kind: 'absent', why: short(found.why)};
    if (typeof found.device === 'number' && typeof found.cpu === 'number')
      return {kind: 'present', device: found.device, cpu: found.cpu};
    return undefined;
  } catch {
    return undefined;
  }
}

function measure(device: 'webgpu' | 'cuda'): Promise<Probe> {
  const missing = findMissing(device);
  if (missing !== undefined) return Promise.resolve({kind: 'absent', why: missing});
  const env = {
    ...process.env,
    NODE_OPTIONS: '',
    PROBE_DEVICE: device,
    PROBE_ORT: require.resolve('onnxruntime-node'),
    PROBE_MODEL: Buffer.from(chainModel()).toString('base64'),
    PROBE_THREADS: String(availableParallelism()),
  };
  return new Promise(resolve => {
    execFile(process.execPath, ['-e', script], {env, timeout: timeLimit}, (error, stdout) => {
      resolve(
        parse(stdout) ?? {
          kind: 'absent',
          why: error?.killed ? 'its driver does not answer' : 'its driver ends the process that loads it',
        },
      );
    });
  });
}

/** A GPU must be this much faster than the CPU on matrix products to be taken unasked: software adapters are not. */
const worthwhile = 1.5;

export const isFast = (found: Probe): found is Probe & {kind: 'present'} =>
  found.kind === 'present' && found.cpu > found.device * worthwhile;

const known = new Map<string, Promise<Probe>>();

/** Never rejects. Measured once per process. */
export function probe(device: 'webgpu' | 'cuda'): Promise<Probe> {
  const before = known.get(device);
  if (before !== undefined) return before;
  const found = measure(device);
  known.set(device, found);
  return found;
}
