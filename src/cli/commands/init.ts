// `pipe init`: a small project that runs at once, and depends on the very package that wrote it. Files that are there
// already are left alone.

import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {basename, dirname, join, relative, resolve} from 'node:path';
import {packageName} from '../../core/package-name.ts';
import {makeFolder} from '../../host/folder.ts';
import {paletteOf} from '../../report/palette.ts';
import {EXIT, type ExitCode} from '../exit.ts';
import {pythonFiles} from '../init-python.ts';
import {dependencyOn, runsInstallScripts} from '../package-source.ts';
import type {Invocation, Shell} from '../shell.ts';
import {print} from '../surroundings.ts';

export async function init(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const folder = resolve(outside.cwd, args[0] ?? '.');
  const palette = paletteOf(outside.stdout.colors);
  const lines: string[] = [];
  for (const [path, text] of projectFiles(shell, folder, options.python === true)) {
    const target = join(folder, path);
    if (existsSync(target)) {
      lines.push(`${palette.dim('·')} ${path} ${palette.dim('is there already')}`);
      continue;
    }
    makeFolder(dirname(target));
    writeFileSync(target, text, {flag: 'wx'});
    lines.push(`${palette.done('+')} ${path}`);
  }
  await writeSchema(shell, folder);
  lines.push(`${palette.done('+')} ${SCHEMA} ${palette.dim('for editors; pipe schema makes it again')}`);
  const where = relative(outside.cwd, folder);
  const next = [
    ...(where === '' ? [] : [`cd ${where}`]),
    ...(existsSync(join(folder, 'node_modules')) ? [] : ['npm install']),
    options.python ? 'npx pipe run digits' : 'npx pipe run hello',
  ];
  lines.push('', `Next: ${palette.strong(next.join(' && '))}`);
  print(outside, lines);
  return EXIT.ok;
}

function projectFiles(shell: Shell, folder: string, isPython: boolean): ReadonlyMap<string, string> {
  const example = isPython
    ? pythonFiles(MODELINE)
    : new Map([
        ['pipelines/hello.yaml', HELLO_PIPELINE],
        ['stages/throw-darts.ts', THROW_DARTS],
      ]);
  const files = new Map([
    ...example,
    ['.gitignore', isPython ? `${IGNORED}.venv/\n__pycache__/\n` : IGNORED],
    ['package.json', manifest(shell, folder, isPython ? 'digits' : 'hello')],
  ]);
  if (runsInstallScripts(shell.outside.env.npm_config_user_agent)) files.set('.npmrc', NPMRC);
  const study = join(shell.packageRoot, 'pipelines/quickstart.yaml');
  if (!isPython && existsSync(study))
    files.set('pipelines/quickstart.yaml', `${MODELINE}${readFileSync(study, 'utf8')}`);
  return files;
}

function manifest({packageRoot, version}: Shell, folder: string, pipeline: string): string {
  const name =
    basename(folder)
      .toLowerCase()
      .replace(/[^a-z0-9._-]+/g, '-')
      .replace(/^[._-]+/, '') || 'study';
  const content = {
    name,
    private: true,
    type: 'module',
    scripts: {
      study: `pipe run pipelines/${pipeline}.yaml`,
      ...(pipeline === 'hello' ? {quickstart: 'pipe run pipelines/quickstart.yaml'} : {}),
    },
    devDependencies: {[packageName]: dependencyOn(packageRoot, version, folder)},
    allowScripts: DENIED,
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

const IGNORED = 'node_modules/\n/cache/\n/results/\n';

/** Made by `pipe schema`, with the parameters of the project's own stages. */
const SCHEMA = 'pipelines/pipeline.schema.json';
const MODELINE = '# yaml-language-server: $schema=./pipeline.schema.json\n';

async function writeSchema(shell: Shell, folder: string): Promise<void> {
  const {fileSchema} = await import('./schema.ts');
  writeFileSync(join(folder, SCHEMA), `${JSON.stringify(await fileSchema(shell, folder), null, 2)}\n`);
}

/** No dependency needs its install script: all carry their binaries. New releases of npm ask for a decision. */
const DENIED = Object.fromEntries(
  ['core-js', 'esbuild', 'onnxruntime-node', 'protobufjs'].map(name => [name, false]),
);

const NPMRC = '# This npm runs install scripts; ONNX Runtime needs none.\nonnxruntime-node-install=skip\n';

const HELLO_PIPELINE = `${MODELINE}# A first study: π by throwing darts, with more and more darts and several seeds.
# Edit a line and run it again: only what that line touches runs.
pipeline: hello
about: How the error of a Monte Carlo estimate shrinks

params:                        # what --set and --profile may change
  seeds: [0, 1, 2]

profiles:
  thorough: {seeds: [0, 1, 2, 3, 4, 5, 6, 7]}

stages:
  throw:
    uses: ./stages/throw-darts.ts
    matrix: {darts: [1000, 100000], seed: "\${seeds}"}   # one instance per cell

  table:
    # A stage may be a shell command as well. It gets its inputs and its output folder as variables.
    run: |
      node -e '
        const {readFileSync, writeFileSync} = require("node:fs");
        const index = JSON.parse(readFileSync(process.env.in_runs + "/index.json", "utf8"));
        const rows = index.map(({cell, metrics}) => [cell.darts, cell.seed, metrics.pi, metrics.error].join(" | "));
        writeFileSync(process.env.out_table, "| darts | seed | pi | error |\\n|--:|--:|--:|--:|\\n" + rows.map(row => "| " + row + " |\\n").join(""));
      '
    in: {runs: {each: throw}}  # gathers every cell of throw
    out: {table: table.md}
    publish: results/hello     # copies its outputs there
`;

const THROW_DARTS = `import {defineStage, z} from 'pipe-ml/stage';

export default defineStage({
  about: 'Estimates pi from darts thrown at a square.',
  params: z.object({
    darts: z.number().int().positive(),
    seed: z.number().int().default(0),
  }),
  inputs: {},
  outputs: {},
  run({params, metric, progress}) {
    // All randomness comes from the seed, so the same parameters always give the same result.
    let state = (params.seed * 2654435761 + 12345) >>> 0;
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    let inside = 0;
    for (let dart = 0; dart < params.darts; dart++) {
      if (random() ** 2 + random() ** 2 < 1) inside++;
      if (dart % 10000 === 0) progress({done: dart, total: params.darts, unit: 'dart'});
    }
    const pi = (4 * inside) / params.darts;
    metric('pi', pi);
    metric('error', Math.abs(pi - Math.PI));
  },
});
`;
