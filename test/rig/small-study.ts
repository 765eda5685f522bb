// A study in small with the shape of the real ones: data, grid, best, train per seed, summary, table. Its stages do
// arithmetic, each with helpers of its own and one file of helpers that all import.

import type {CliProject} from './cli-project.ts';

export const STUDY_FILE = 'pipelines/study.yaml';

export function writeSmallStudy(rig: Pick<CliProject, 'write'>): void {
  rig.write(STUDY_FILE, PIPELINE);
  for (const [name, text] of Object.entries(STAGES)) rig.write(`stages/${name}.ts`, text);
}

const PIPELINE = `pipeline: study
params:
  seeds: [0, 1]
stages:
  data:
    run: 'echo 10 20 30 > "$out_numbers"'
    out: {numbers: numbers.txt}
  grid:
    uses: fit
    in: {data: data}
    matrix: {optimizer: [sgd, sam], lr: [0.1, 0.2]}
    with: {seed: 7} # none of those that train takes: equal parameters would share their result
  best:
    uses: best
    matrix: {optimizer: [sgd, sam]}
    in: {runs: {each: grid}}
  train:
    uses: fit
    in: {data: data}
    matrix: {seed: "\${seeds}"}
    with: {from: best}
  summary:
    uses: mean
    in: {runs: {each: train}}
  table:
    uses: table
    in: {summary: summary}
    publish: results/study
`;

const STAGES: Readonly<Record<string, string>> = {
  shared: `// Helpers of all stages.
import {readFileSync} from 'node:fs';
export const readJson = (path: string): any => JSON.parse(readFileSync(path, 'utf8'));
export const round = (value: number): number => Math.round(value * 1000) / 1000;
/** Only the table uses this. */
export const row = (cells: readonly unknown[]): string => '| ' + cells.join(' | ') + ' |';
`,
  fit: `import {readFileSync, writeFileSync} from 'node:fs';
import {defineStage, z} from 'pipe-ml/stage';
import {round} from './shared.ts';

export default defineStage({
  about: 'Fits.',
  params: z.object({optimizer: z.enum(['sgd', 'sam']).default('sgd'), lr: z.number().default(0.1), seed: z.number().int()}),
  inputs: {data: 'one'},
  outputs: {model: 'file'},
  run({params, inputs, outputs, metric}) {
    const numbers = readFileSync(inputs.data.files.numbers, 'utf8').trim().split(' ').map(Number);
    const {optimizer, lr} = params;
    // The seed and the optimizer make a difference.
    const value = numbers.reduce((a, b) => a + b, 0) * lr + params.seed + (optimizer === 'sam' ? 0.5 : 0);
    writeFileSync(outputs.model, JSON.stringify({value: round(value)}));
    metric('value', round(value));
  },
});
`,
  best: `import {writeFileSync} from 'node:fs';
import {defineStage, z} from 'pipe-ml/stage';

export default defineStage({
  about: 'Picks the best.',
  params: z.object({optimizer: z.string()}),
  inputs: {runs: 'each'},
  outputs: {best: 'file'},
  run({params, inputs, outputs}) {
    // The smallest learning rate wins, so that larger ones change nothing below.
    const sorted = [...inputs.runs].sort((a, b) => Number(a.cell.lr) - Number(b.cell.lr));
    writeFileSync(outputs.best, JSON.stringify({optimizer: params.optimizer, lr: sorted[0]?.cell.lr}));
  },
});
`,
  mean: `import {writeFileSync} from 'node:fs';
import {defineStage, z} from 'pipe-ml/stage';
import {round} from './shared.ts';

export default defineStage({
  about: 'Averages.',
  params: z.object({}),
  inputs: {runs: 'each'},
  outputs: {summary: 'file'},
  run({inputs, outputs}) {
    const rows = ['sgd', 'sam'].map(optimizer => {
      const values = inputs.runs.filter(run => run.cell.optimizer === optimizer).map(run => run.metrics.value ?? 0);
      return {optimizer, mean: round(values.reduce((a, b) => a + b, 0) / values.length), n: values.length};
    });
    writeFileSync(outputs.summary, JSON.stringify(rows));
  },
});
`,
  table: `import {writeFileSync} from 'node:fs';
import {defineStage, z} from 'pipe-ml/stage';
import {readJson, row} from './shared.ts';

export default defineStage({
  about: 'Writes the table.',
  params: z.object({}),
  inputs: {summary: 'one'},
  outputs: {table: {kind: 'file', name: 'table.md'}},
  run({inputs, outputs}) {
    const rows = readJson(inputs.summary.files.summary);
    const lines = rows.map(({optimizer, mean, n}) => row([optimizer, mean, n]));
    writeFileSync(outputs.table, [row(['optimizer', 'mean', 'n']), row(['--', '--', '--']), ...lines, ''].join('\\n'));
  },
});
`,
};
