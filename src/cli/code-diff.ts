// How the code of the stages differs between two runs: what ran is in the store, and git compares it.

import {execFile} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import * as z from 'zod';
import type {Action, ActionWork} from '../action/action.ts';
import type {Digest} from '../core/digest.ts';
import {parseJson} from '../core/json.ts';
import {printable} from '../core/printable.ts';
import {makeFolder} from '../host/folder.ts';
import type {Instance} from '../plan/plan.ts';
import type {Palette} from '../report/palette.ts';
import {readPath} from '../spec/path.ts';
import type {Ledger} from '../store/ledger/ledger.ts';
import type {RunRecord} from '../store/ledger/run-record.ts';
import {refuse} from './exit.ts';
import type {Known} from './inquiry.ts';
import type {Workspace} from './workspace.ts';

/** Text of each file of the code by its path below the stage. */
type CodeTexts = ReadonlyMap<string, string>;

export async function diffCode(
  workspace: Workspace,
  before: RunRecord,
  after: RunRecord,
  palette: Palette,
): Promise<string[]> {
  return diffTexts(
    textsOf(workspace, await actionsOf(workspace, before)),
    textsOf(workspace, await actionsOf(workspace, after)),
    'the code of both runs is the same',
    palette,
  );
}

/** The same of a run and of what is known of a plan; what has no key yet has the code that its stage has now. */
export async function diffCodeWithPlan(
  workspace: Workspace,
  before: RunRecord,
  plan: readonly Known[],
  palette: Palette,
): Promise<string[]> {
  const earlier = await actionsOf(workspace, before);
  const now: [string, ActionWork][] = [];
  for (const {instance, action} of plan) {
    const work = action?.work ?? (await workOf(workspace, instance, earlier));
    if (work !== undefined) now.push([instance.stage, work]);
  }
  const same = 'the code is that of the last run';
  return diffTexts(textsOf(workspace, earlier), textsOf(workspace, now), same, palette);
}

async function workOf(
  {code}: Workspace,
  {stage, work}: Instance,
  earlier: readonly (readonly [string, ActionWork])[],
): Promise<ActionWork | undefined> {
  if (work.kind === 'module') {
    const found = await code.codeOf(work.path);
    return found.ok ? found.value : undefined;
  }
  const before = earlier.find(([other, {kind}]) => other === stage && kind === 'shell')?.[1];
  return {kind: 'shell', command: work.command, code: before?.kind === 'shell' ? before.code : {}};
}

async function diffTexts(
  before: CodeTexts,
  after: CodeTexts,
  same: string,
  palette: Palette,
): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'pipe-diff-'));
  try {
    write(join(folder, 'before'), before);
    write(join(folder, 'after'), after);
    const text = await gitDiff(folder);
    if (text === '') return [palette.dim(same)];
    return printable(text)
      .trimEnd()
      .split('\n')
      .map(line => paint(line, palette));
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

/** Each stage once; a run that found a result as it was has the code of the run that made it. */
async function actionsOf(
  workspace: Workspace,
  record: RunRecord,
): Promise<readonly (readonly [string, ActionWork])[]> {
  const actions: [string, ActionWork][] = [];
  for (const id of record.instances.keys()) {
    const action = await actionOf(workspace, workspace.ledger, record, id);
    if (action !== undefined) actions.push([id.replace(/\[.*$/, ''), action.work]);
  }
  return actions;
}

function textsOf(workspace: Workspace, works: readonly (readonly [string, ActionWork])[]): CodeTexts {
  const texts = new Map<string, string>();
  const seen = new Set<string>();
  for (const [stage, work] of works) {
    if (work.kind === 'shell') {
      texts.set(`${stage}/command`, `${work.command.trimEnd()}\n`);
      for (const [path, {digest}] of Object.entries(work.code)) {
        const bytes = workspace.blobs.read(digest);
        if (bytes.ok) texts.set(`${stage}/${path}`, bytes.value.toString('utf8'));
      }
    } else if (!seen.has(work.code)) {
      seen.add(work.code);
      for (const [path, text] of sourcesOf(workspace, work.code)) texts.set(path, text);
    }
  }
  return texts;
}

/** The sources of a bundle by their paths, as its source maps hold them. */
function sourcesOf({code, blobs}: Workspace, digest: Digest): CodeTexts {
  const texts = new Map<string, string>();
  const maps = code.shelf.mapsOf(digest);
  const files = maps === undefined ? undefined : blobs.filesOf(maps);
  for (const file of files?.ok ? files.value : []) {
    const bytes = blobs.read(file.digest);
    const map = sourceMap.safeParse(bytes.ok ? parseJson(bytes.value.toString('utf8')) : null);
    if (!map.success) continue;
    for (const [at, source] of map.data.sources.entries()) {
      const text = map.data.sourcesContent[at];
      // Outside of the project nothing is anybody's edit.
      if (typeof text === 'string' && readPath(source).ok) texts.set(source, text);
    }
  }
  return texts;
}

const sourceMap = z.object({sources: z.array(z.string()), sourcesContent: z.array(z.string().nullable())});

async function actionOf(
  {results}: Workspace,
  ledger: Ledger,
  record: RunRecord,
  id: Parameters<Ledger['outcomeOf']>[1],
): Promise<Action | undefined> {
  const outcome = ledger.outcomeOf(record, id);
  const fingerprint = outcome !== undefined && 'fingerprint' in outcome ? outcome.fingerprint : null;
  const action = fingerprint === null ? undefined : await results.actionOf(fingerprint);
  return action?.ok ? action.value : undefined;
}

function write(folder: string, texts: CodeTexts): void {
  makeFolder(folder);
  for (const [path, text] of texts) {
    makeFolder(dirname(join(folder, path)));
    writeFileSync(join(folder, path), text);
  }
}

/** Exit code 1 says that there are differences. */
const gitDiff = (cwd: string): Promise<string> =>
  new Promise(resolve => {
    const args = ['diff', '--no-index', '--no-color', '--no-ext-diff', '--no-prefix', 'before', 'after'];
    execFile('git', args, {cwd, maxBuffer: 256 * 1024 * 1024}, (error, stdout) => {
      if (error !== null && error.code !== 1)
        refuse('no-git', 'expected git, which compares the code of two runs, and could not run it');
      resolve(stdout);
    });
  });

function paint(line: string, palette: Palette): string {
  if (/^(diff|index|---|\+\+\+) /.test(line)) return palette.dim(line);
  if (line.startsWith('+')) return palette.done(line);
  return line.startsWith('-') ? palette.failed(line) : line;
}
