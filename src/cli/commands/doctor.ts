// `pipe doctor`: whether this installation, this machine and this project's store are well.

import {accessSync, constants, existsSync, readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {availableParallelism, totalmem} from 'node:os';
import {join} from 'node:path';
import type {Json} from '../../core/json.ts';
import {formatBytes, plural} from '../../report/format.ts';
import {paletteOf} from '../../report/palette.ts';
import {renderTable} from '../../report/table.ts';
import {cudaParts, thisMachine} from '../cuda.ts';
import {executorFacts} from '../executor-facts.ts';
import {EXIT, type ExitCode} from '../exit.ts';
import {bad, type Fact, good} from '../fact.ts';
import {findProject, listPipelines} from '../project.ts';
import type {Invocation, Shell} from '../shell.ts';
import {print, printJson, type Surroundings} from '../surroundings.ts';
import {openWorkspace, type Workspace} from '../workspace.ts';

const PACKAGES = ['esbuild', 'onnxruntime-node', '@tensorflow/tfjs', 'zod', 'yaml', 'keyv', 'p-queue'];

export async function doctor(shell: Shell, {options}: Invocation): Promise<ExitCode> {
  const {outside, version} = shell;
  const workspace = await openWorkspace(shell, findProject(outside.cwd));
  const facts: Fact[] = [
    good('pipe', 'version', version),
    nodeFact(shell),
    good('machine', 'cores', String(availableParallelism())),
    good('machine', 'memory', formatBytes(totalmem())),
    ...PACKAGES.map(name => packageFact(name, shell.packageRoot)),
    ...(await deviceFacts()),
    ...cudaFacts(),
    ...projectFacts(workspace.project),
    ...(await storeFacts(workspace)),
    ...(await executorFacts(shell, workspace)),
    terminalFact(outside),
  ];
  const isWell = facts.every(({state}) => state !== 'bad');
  if (options.json) {
    printJson(
      outside,
      facts.map(({topic, name, state, detail}): Json => ({topic, name, state, detail})),
    );
    return isWell ? EXIT.ok : EXIT.failed;
  }
  const palette = paletteOf(outside.stdout.colors);
  const mark = {good: palette.done('✓'), absent: palette.dim('·'), bad: palette.failed('✗')};
  const rows = facts.map(({topic, name, state, detail}, index) => [
    facts[index - 1]?.topic === topic ? '' : palette.strong(topic),
    `${mark[state]} ${name}`,
    state === 'bad' ? palette.failed(detail) : palette.dim(detail),
  ]);
  print(
    outside,
    renderTable(
      Array.from({length: 3}, () => ({header: '', align: 'left' as const})),
      rows,
    ),
  );
  return isWell ? EXIT.ok : EXIT.failed;
}

/** The oldest Node.js that package.json allows. */
function nodeFact({packageRoot}: Shell): Fact {
  const manifest: unknown = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
  const engines: unknown =
    typeof manifest === 'object' && manifest !== null ? Reflect.get(manifest, 'engines') : {};
  const wanted = typeof engines === 'object' && engines !== null ? String(Reflect.get(engines, 'node')) : '';
  const least = (wanted.match(/\d+/g) ?? []).map(Number);
  const own = process.versions.node.split('.').map(Number);
  const difference = least.map((part, index) => (own[index] ?? 0) - part).find(by => by !== 0) ?? 0;
  return difference >= 0
    ? good('machine', 'node', `${process.versions.node} (${wanted})`)
    : bad('machine', 'node', `expected ${wanted}, got ${process.versions.node}`);
}

function packageFact(name: string, packageRoot: string): Fact {
  const find = createRequire(join(packageRoot, 'package.json'));
  const folder = (find.resolve.paths(name) ?? [])
    .map(path => join(path, name, 'package.json'))
    .find(isReadable);
  if (folder === undefined) return bad('packages', name, 'not installed; run: npm install');
  const manifest: unknown = JSON.parse(readFileSync(folder, 'utf8'));
  const version =
    typeof manifest === 'object' && manifest !== null ? String(Reflect.get(manifest, 'version')) : '?';
  return good('packages', name, version);
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

async function deviceFacts(): Promise<Fact[]> {
  try {
    const {listDevices} = await import('../../engine/index.ts');
    return (await listDevices()).map(({kind, isAvailable, detail}) => ({
      topic: 'devices',
      name: kind,
      state: isAvailable ? 'good' : 'absent',
      detail,
    }));
  } catch (error) {
    return [bad('devices', 'engine', error instanceof Error ? error.message : String(error))];
  }
}

/** Part by part, since CUDA is missing for many reasons. */
function cudaFacts(): Fact[] {
  const machine = thisMachine();
  if (machine === undefined) return [];
  return cudaParts(machine).map(({name, isThere, detail}) => ({
    topic: 'cuda',
    name,
    state: isThere ? 'good' : 'absent',
    detail,
  }));
}

function projectFacts(project: string): Fact[] {
  const pipelines = listPipelines(project);
  const none = 'none; pipe init writes a small one to start from';
  return [
    good('project', 'folder', project),
    pipelines.length > 0
      ? good('project', 'pipelines', pipelines.join(', '))
      : {topic: 'project', name: 'pipelines', state: 'absent', detail: none},
  ];
}

async function storeFacts({store, shelf, cache, ledger, config}: Workspace): Promise<Fact[]> {
  // Looking must not make one.
  if (!existsSync(store) && config.cache === null) {
    return [{topic: 'store', name: 'folder', state: 'absent', detail: `none yet at ${store}`}];
  }
  const facts = [good('store', 'folder', store)];
  const blobs = [...shelf.list()];
  const bytes = blobs.reduce((sum, {size}) => sum + size, 0);
  facts.push(good('store', 'blobs', `${plural(blobs.length, 'blob')}, ${formatBytes(bytes)}`));
  const runs = ledger.runIds();
  facts.push(
    good('store', 'runs', `${runs.length}${runs[0] === undefined ? '' : `, the last one ${runs[0]}`}`),
  );
  const {digestJson} = await import('../../core/digest.ts');
  const probe = await cache.actionOf(digestJson('action', 'probe') as Parameters<typeof cache.actionOf>[0]);
  await cache.close();
  facts.push(
    probe.ok
      ? good('store', 'action cache', 'answers')
      : bad(
          'store',
          'action cache',
          (await import('../../store/store-error.ts')).describeStoreError(probe.error),
        ),
  );
  return facts;
}

function terminalFact({stdout, env}: Surroundings): Fact {
  const {columns, rows} = stdout.screen.size();
  const colors = ['no colour', '16 colours', '256 colours', '16 million colours'][stdout.colors] ?? '';
  const what = stdout.isTerminal ? `${env.TERM ?? 'unknown'}, ${columns} × ${rows}` : 'none: plain lines';
  return good('terminal', 'display', `${what}, ${colors}`);
}
