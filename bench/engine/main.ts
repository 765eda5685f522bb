// The engine beside PyTorch and TF.js, in one run: `npm run bench:engine`. PyTorch is looked for in $PYTHON, or in
// `python3`; it runs eagerly, with `channels_last` and compiled, and the fastest counts. `--study` measures instead how much
// of the time of `train` its steps are. Prints Markdown: the machine, medians, ratios; exits 1 where a ratio misses its target (`--no-assert`
// only prints). `--quick` takes three rounds and leaves out WideResNet-16-4.

import {execFileSync} from 'node:child_process';
import {cpus, totalmem} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import * as ort from 'onnxruntime-node';
import {type Command, Contestant, median, race} from './contestant.ts';
import {peakMultiplications, profile, shareOfProducts} from './profile.ts';
import type {Rule} from './program.ts';
import {measureStudy} from './study.ts';
import {type WorkloadName, workload, workloadNames} from './workloads.ts';

const {values: options} = parseArgs({
  options: {
    assert: {type: 'boolean', default: true},
    quick: {type: 'boolean', default: false},
    rounds: {type: 'string'},
    only: {type: 'string', multiple: true},
    study: {type: 'boolean', default: false},
  },
  allowNegative: true,
});
const rules: readonly Rule[] = ['sgd', 'sam'];
const rounds = Number(options.rounds ?? (options.quick ? 3 : 7));
const chosen = options.only ?? (options.quick ? ['mlp', 'wrn-16-2'] : workloadNames);
const names = workloadNames.filter(name => chosen.includes(name));
const python = process.env.PYTHON ?? 'python3';

const print = (line = ''): void => {
  process.stdout.write(`${line}\n`);
};
const times = (ratio: number): string => `${ratio.toFixed(ratio < 10 ? 2 : 0)}×`;
const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
const ms = (time: number): string => `${time.toFixed(time < 100 ? 1 : 0)} ms`;

function torchVersion(): string | undefined {
  try {
    const asked = ['-c', 'import torch; print(torch.__version__)'];
    return execFileSync(python, asked, {encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']}).trim();
  } catch {
    return undefined;
  }
}

const script = (file: string): string => join(import.meta.dirname, file);
const inNode = (file: string, ...args: string[]): Command => ({
  program: process.execPath,
  args: ['--import', 'tsx', script(file), ...args],
});
const engine = (name: WorkloadName, rule: Rule, threads: number): Promise<Contestant> =>
  Contestant.start('the engine', inNode('contestant-engine.ts', name, rule, String(threads)));

const missed: string[] = [];
/** The ratio, and whether it reaches what is asked of it. */
function judge(what: string, ratio: number, target: number, show: (n: number) => string): string {
  const isMet = ratio >= target;
  if (!isMet) missed.push(`${what}: ${show(ratio)}, expected at least ${show(target)}`);
  return `${show(ratio)} | ≥ ${show(target)} | ${isMet ? 'met' : '**missed**'}`;
}

const targetOf = (name: WorkloadName, rule: Rule): number => {
  if (name !== 'mlp') return 1;
  return rule === 'sgd' ? 1.5 : 2;
};

async function besidePeers(torch: string | undefined): Promise<void> {
  print('| step | threads | here | peer | its time | ratio | target | |');
  print('|---|---|---|---|---|---|---|---|');
  const row = (name: WorkloadName, rule: Rule, threads: number, peer: string, pair: number[][]): void => {
    const [here, there] = [median(pair[0] ?? []), median(pair[1] ?? [])];
    const target = peer.startsWith('PyTorch') ? targetOf(name, rule) : 20;
    const what = `${name} ${rule}, ${threads} thread${threads === 1 ? '' : 's'}, beside ${peer}`;
    const judged = judge(what, there / here, target, times);
    print(`| ${name} ${rule} | ${threads} | ${ms(here)} | ${peer} | ${ms(there)} | ${judged} |`);
  };
  for (const name of names)
    for (const rule of rules) {
      for (const threads of torch === undefined ? [] : [1, 2]) {
        const modes = name === 'mlp' ? ['eager', 'compile'] : ['eager', 'channels_last', 'compile'];
        const torch = (mode: string): Promise<Contestant> => {
          const args = [script('contestant_torch.py'), name, rule, String(threads), mode];
          return Contestant.start(`PyTorch (${mode})`, {program: python, args});
        };
        const all = [await engine(name, rule, threads), ...(await Promise.all(modes.map(torch)))];
        const [own = [], ...theirs] = await race(all, rounds);
        for (const contestant of all) contestant.stop();
        const fastest = Math.min(...theirs.map(median));
        theirs.forEach((measured, i) => {
          // The target is the fastest's; the others are told.
          if (median(measured) === fastest)
            row(name, rule, threads, `PyTorch (${modes[i]})`, [own, measured]);
          else {
            const [here, there] = [median(own), median(measured)];
            const ratio = times(there / here);
            print(
              `| ${name} ${rule} | ${threads} | ${ms(here)} | PyTorch (${modes[i]}) | ${ms(there)} | ${ratio} | | |`,
            );
          }
        });
      }
      if (name !== 'mlp') continue;
      const wasm = await Contestant.start('TF.js', inNode('contestant-tfjs.ts', name, rule, 'wasm'));
      const pair = [await engine(name, rule, 1), wasm];
      row(name, rule, 1, 'TF.js wasm', await race(pair, rounds));
      for (const contestant of pair) contestant.stop();
      await besideNative(name, rule);
    }
}

/** TensorFlow's own kernels under TF.js, which take all cores: beside two threads of ours. */
async function besideNative(name: WorkloadName, rule: Rule): Promise<void> {
  try {
    const native = await Contestant.start('TF.js', inNode('contestant-tfjs.ts', name, rule, 'native'));
    const pair = [await engine(name, rule, 2), native];
    const [here = 0, there = 0] = (await race(pair, rounds)).map(median);
    for (const contestant of pair) contestant.stop();
    print(`| ${name} ${rule} | 2 | ${ms(here)} | TF.js native | ${ms(there)} | ${times(there / here)} | | |`);
  } catch {
    print(`| ${name} ${rule} | 2 | | TF.js native: not built here (npm run native) | | | | |`);
  }
}

/** How much faster two programs are done side by side than one after the other. */
async function sideBySide(): Promise<void> {
  const MEASUREMENTS = 10;
  const pair = [await engine('mlp', 'sgd', 1), await engine('mlp', 'sgd', 1)];
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  const one = async (contestant: Contestant): Promise<void> => {
    for (let i = 0; i < MEASUREMENTS; i++) await contestant.measure();
  };
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const apart = await timed(async () => {
      for (const contestant of pair) await one(contestant);
    });
    ratios.push(apart / (await timed(() => Promise.all(pair.map(one)))));
  }
  for (const contestant of pair) contestant.stop();
  const judged = judge('two cells at once on two cores', median(ratios), 1.9, times);
  print(`| two cells at once (mlp sgd) against one after the other | ${judged} |`);
}

async function shares(): Promise<void> {
  const peak = await peakMultiplications();
  for (const name of names)
    for (const rule of rules) {
      const found = await profile(name, rule, 2);
      const {model, batch} = workload(name);
      // A pass back takes two products for each one forward; SAM makes both twice.
      const work = model.multiplications * batch * 3 * (rule === 'sam' ? 2 : 1);
      const limit = work / peak / found.step;
      if (name === 'mlp') {
        const judged = judge(
          `${name} ${rule}, share of matrix products`,
          shareOfProducts(found),
          0.7,
          percent,
        );
        print(`| ${name} ${rule}: share of the step inside Gemm and MatMul | ${judged} |`);
      }
      print(
        `| ${name} ${rule}: share of the physical limit (its products at full speed) | ${percent(limit)} | | |`,
      );
      const longest = found.operators.slice(0, 8).map(([op, t]) => `${op} ${percent(t / found.step)}`);
      print(`| ${name} ${rule}: where the time goes | ${longest.join(', ')} | | |`);
    }
}

async function study(): Promise<void> {
  print(
    '| train, three-layer network, MNIST’s sizes | a step | steps | evaluation | the rest | share of steps | target | |',
  );
  print('|---|---|---|---|---|---|---|---|');
  for (const rule of rules) {
    const {step, steps, evaluation, rest} = await measureStudy(rule, Math.max(2, rounds));
    const share = steps / (steps + evaluation + rest);
    const judged = judge(`share of steps in train, ${rule}`, share, 0.85, percent);
    print(`| ${rule} | ${ms(step)} | ${ms(steps)} | ${ms(evaluation)} | ${ms(rest)} | ${judged} |`);
  }
}

const torch = options.study ? undefined : torchVersion();
const [cpu] = cpus();
print('# The engine beside its peers');
print();
print(
  `${cpu?.model}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB; Node ${process.versions.node}, ` +
    `ONNX Runtime ${ort.env.versions.node ?? ort.env.versions.common}, PyTorch ${torch ?? 'not found'}; ` +
    `batch 128; medians of ${rounds} interleaved measurements.`,
);
if (torch === undefined && !options.study) {
  print();
  print(`Skipped PyTorch: ${python} does not import torch. Name one that does: PYTHON=/path/to/python.`);
}
print();
if (options.study) await study();
else {
  await besidePeers(torch);
  print();
  print('| what | value | target | |');
  print('|---|---|---|---|');
  await sideBySide();
  await shares();
}
if (missed.length > 0) {
  print();
  print('Missed:');
  for (const line of missed) print(`- ${line}`);
  if (options.assert) process.exitCode = 1;
}
