// What CUDA needs of this machine, part by part: driver, toolkit, cuDNN, ONNX Runtime's provider. Nothing is loaded: the
// linker's cache and the folders of LD_LIBRARY_PATH are looked through for the names that the provider links.

import {execFileSync} from 'node:child_process';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';

export interface CudaPart {
  readonly name: string;
  readonly isThere: boolean;
  /** What was found, or what is missing and how to get it. */
  readonly detail: string;
}

/** How the parts are looked for; a test gives its own machine. */
export interface Machine {
  /** The text of a file; undefined where there is none. */
  readonly read: (path: string) => string | undefined;
  /** The names of the shared libraries that a program would find. */
  readonly libraries: ReadonlySet<string>;
  /** The folder of onnxruntime-node's own libraries. */
  readonly runtime: string;
  readonly exists: (path: string) => boolean;
}

/** Of CUDA 12, as libonnxruntime_providers_cuda.so links them. */
const toolkit = [
  'libcudart.so.12',
  'libcublas.so.12',
  'libcublasLt.so.12',
  'libcurand.so.10',
  'libcufft.so.11',
];
const cudnn = 'libcudnn.so.9';
const provider = 'libonnxruntime_providers_cuda.so';

/** In the order in which they are to be mended. */
export function cudaParts({read, libraries, runtime, exists}: Machine): readonly CudaPart[] {
  const version = /Kernel Module\s+(?:for \S+\s+)?(\d[\d.]*)/.exec(
    read('/proc/driver/nvidia/version') ?? '',
  )?.[1];
  const lacking = toolkit.filter(name => !libraries.has(name));
  const hasDriver = version !== undefined && libraries.has('libcuda.so.1');
  return [
    {
      name: 'driver',
      isThere: hasDriver,
      detail: hasDriver
        ? `NVIDIA ${version}`
        : version === undefined
          ? 'no NVIDIA driver is loaded: install one of 525 or later, and see whether nvidia-smi lists the GPU'
          : `NVIDIA ${version} is loaded, but libcuda.so.1 is not found: in a container, run it with --gpus all`,
    },
    {
      name: 'toolkit',
      isThere: lacking.length === 0,
      detail:
        lacking.length === 0
          ? 'CUDA 12'
          : `${lacking.join(', ')} not found: install CUDA 12, or set LD_LIBRARY_PATH to where it is`,
    },
    {
      name: 'cuDNN',
      isThere: libraries.has(cudnn),
      detail: libraries.has(cudnn) ? 'cuDNN 9' : `${cudnn} not found: install cuDNN 9 for CUDA 12`,
    },
    {
      name: 'provider',
      isThere: exists(join(runtime, provider)),
      detail: exists(join(runtime, provider))
        ? provider
        : `${provider} of onnxruntime-node is not installed: npm run cuda (docs/gpu.md)`,
    },
  ];
}

/** This machine; undefined where ONNX Runtime's package has no CUDA. */
export function thisMachine(): Machine | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const manifest = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  return {
    read: path => (existsSync(path) ? readFileSync(path, 'utf8') : undefined),
    libraries: new Set([...cachedLibraries(), ...pathLibraries()]),
    runtime: join(dirname(manifest), 'bin/napi-v6/linux/x64'),
    exists: existsSync,
  };
}

function cachedLibraries(): readonly string[] {
  for (const program of ['/sbin/ldconfig', '/usr/sbin/ldconfig']) {
    try {
      const printed = execFileSync(program, ['-p'], {encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']});
      return [...printed.matchAll(/^\s+(\S+) \(/gm)].map(([, name = '']) => name);
    } catch {
      // Not there, or not for everybody: the other place, or LD_LIBRARY_PATH alone.
    }
  }
  return [];
}

const pathLibraries = (): readonly string[] =>
  (process.env.LD_LIBRARY_PATH ?? '')
    .split(':')
    .filter(folder => folder !== '' && existsSync(folder))
    .flatMap(folder => readdirSync(folder));
