// What `--device` comes to on this machine, found before any key is made: a device that is asked for and not there is a
// mistake, and `auto` is never in a key. What was found out about a GPU is kept until the machine changes.

import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {join} from 'node:path';
import {isJsonObject, parseJson} from '../core/json.ts';
import type {Probe} from '../engine/run/probe.ts';
import {writeAtomically} from '../host/atomic-file.ts';
import type {Instance} from '../plan/plan.ts';
import {paletteOf} from '../report/palette.ts';
import type {ChosenDevice} from '../run/request.ts';
import {wishOf} from '../run/resources.ts';
import {DEVICES} from './config.ts';
import {destinationOf} from './executors.ts';
import {refuse} from './exit.ts';
import type {Pipeline} from './pipeline.ts';
import {isPython} from './python.ts';
import type {Options, Shell} from './shell.ts';
import {machineOf} from './workspace.ts';

const ON_CPU: ChosenDevice = {kind: 'cpu', isAsked: false};

/** `how`: whether an absent device is refused; whoever only looks back asks for results that were made on it. */
export async function chooseDevice(
  shell: Shell,
  pipeline: Pipeline,
  options: Options,
  how: 'to run' | 'to look',
): Promise<ChosenDevice> {
  const {config} = pipeline.workspace;
  const said = options.device ?? config.device ?? 'auto';
  const asked = DEVICES.find(device => device === said) ?? 'auto';
  const everywhere = pipeline.plan.instances.filter(usesDevice);
  // Stages of a plan that is not unfolded yet may want one as well.
  if (everywhere.length === 0 && pipeline.plan.pending.length === 0) return ON_CPU;
  if (asked === 'tfjs' && how === 'to run') sayIfJavaScript(shell);
  if (asked === 'cpu' || asked === 'tfjs') return {kind: asked, isAsked: true};
  const machine = machineOf(shell, undefined);
  const {gpus} = machine;
  const destination = destinationOf(config, options, machine);
  const users = everywhere.filter(instance => destination(wishOf(instance)).device === null);
  // What other machines have cannot be looked at from here.
  if (users.length === 0 && everywhere.length > 0) {
    return asked === 'auto' ? ON_CPU : {kind: asked, isAsked: true};
  }
  // A Python stage brings its own libraries: it takes the GPU that is there.
  const isPythonAlone = users.length > 0 && users.every(isPythonStage);
  if (asked === 'auto') {
    if (gpus.length === 0) return ON_CPU;
    if (isPythonAlone) return {kind: 'cuda', isAsked: false};
    const {isFast} = await import('../engine/run/probe.ts');
    for (const kind of ['cuda', 'webgpu'] as const) {
      if (isFast(await knownProbe(shell, pipeline, kind))) return {kind, isAsked: false};
    }
    return ON_CPU;
  }
  const chosen: ChosenDevice = {kind: asked, isAsked: true};
  if (how === 'to look' || (isPythonAlone && asked === 'cuda' && gpus.length > 0)) return chosen;
  const found = await knownProbe(shell, pipeline, asked);
  if (found.kind === 'present') return chosen;
  return refuse(
    'no-device',
    `expected the device ${asked}, which is not there: ${found.why}`,
    'say --device auto for the fastest that is there; `pipe doctor` lists them',
  );
}

const NATIVE = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'];

/** TF.js without a native package computes all the same, some thirty times as slowly as the CPU's own device. */
function sayIfJavaScript({outside, packageRoot}: Shell): void {
  const {resolve} = createRequire(join(packageRoot, 'package.json'));
  const isThere = NATIVE.some(name => {
    try {
      return resolve(name) !== '';
    } catch {
      return false;
    }
  });
  if (isThere) return;
  const {screen, colors} = outside.stderr;
  screen.write(
    `${paletteOf(colors).warning('!')} --device tfjs computes in JavaScript here, far slower than --device cpu: ` +
      `neither ${NATIVE.join(' nor ')} is installed\n`,
  );
}

const usesDevice = ({work}: Instance): boolean => work.kind === 'module' && work.usesDevice;
const isPythonStage = ({work}: Instance): boolean => work.kind === 'module' && isPython(work.path);

type Gpu = 'cuda' | 'webgpu';

/** Trying a device takes a second, so the answer is kept; being absent is found out anew each time. */
async function knownProbe(shell: Shell, {workspace}: Pipeline, kind: Gpu): Promise<Probe> {
  const path = join(workspace.store, 'devices.json');
  const signature = signatureOf(shell);
  const kept = readKept(path, signature);
  const known = kept[kind];
  if (known !== undefined) return known;
  const {probe} = await import('../engine/run/probe.ts');
  const found = await probe(kind);
  if (found.kind === 'present') {
    writeAtomically(path, `${JSON.stringify({signature, probes: {...kept, [kind]: found}})}\n`);
  }
  return found;
}

function readKept(path: string, signature: string): Partial<Record<Gpu, Probe>> {
  const value = existsSync(path) ? parseJson(readFileSync(path, 'utf8')) : undefined;
  if (!isJsonObject(value) || value.signature !== signature || !isJsonObject(value.probes)) return {};
  const probes: Partial<Record<Gpu, Probe>> = {};
  for (const kind of ['cuda', 'webgpu'] as const) {
    const found = value.probes[kind];
    if (!isJsonObject(found) || typeof found.device !== 'number' || typeof found.cpu !== 'number') continue;
    probes[kind] = {kind: 'present', device: found.device, cpu: found.cpu};
  }
  return probes;
}

/** What tells this machine's graphics from another's, or from its own after a change of drivers. */
function signatureOf({outside, packageRoot}: Shell): string {
  const {CUDA_VISIBLE_DEVICES, VK_ICD_FILENAMES, VK_DRIVER_FILES} = outside.env;
  return JSON.stringify([
    textOf(join(packageRoot, 'node_modules', 'onnxruntime-node', 'package.json')),
    textOf('/proc/driver/nvidia/version'),
    namesIn('/dev').filter(name => name.startsWith('nvidia')),
    namesIn('/dev/dri'),
    [CUDA_VISIBLE_DEVICES, VK_ICD_FILENAMES, VK_DRIVER_FILES].map(value => value ?? null),
  ]);
}

const textOf = (path: string): string | null => (existsSync(path) ? readFileSync(path, 'utf8') : null);
const namesIn = (path: string): string[] => (existsSync(path) ? readdirSync(path).sort() : []);
