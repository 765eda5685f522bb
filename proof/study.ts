// A project that touches every part of the store: commands, a module, a folder, a declared file, a published table.

import {execFileSync} from 'node:child_process';
import {chmodSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';

export const PIPELINE = 'pipelines/study.yaml';
export const LOCK = 'pipelines/study.lock.json';
/** What the user wrote, beside what they did to published files. */
export const OWN_FILES = [
  PIPELINE,
  'words.txt',
  'stages/gather.ts',
  'package.json',
  'results/notes.txt',
] as const;
/** What the pipeline publishes. */
export const PUBLISHED = ['results/table.md', 'results/pages/index.md', 'results/pages/more/a.md'] as const;

/** Where `pipe get` is told to copy to, and what it copies. */
export const COPIES = ['copies/table.md', 'copies/pages/more/a.md'] as const;

const FILES: Readonly<Record<string, string>> = {
  'package.json': '{"private": true, "type": "module"}\n',
  'words.txt': 'some words\n',
  'results/notes.txt': "the user's own notes, in the folder that is published to\n",
  [PIPELINE]: `pipeline: study
params: {word: one}
stages:
  data:
    run: 'echo $word > "$out_x"; mkdir -p "$out_d/below"; echo deep > "$out_d/below/z"; echo top > "$out_d/t"'
    with: {word: "\${word}"}
    out: {x: x.txt, d: d/}
  count:
    run: 'cat words.txt "$in_data/x.txt" | wc -c > "$out_n"'
    files: [words.txt]
    in: {data: data}
    matrix: {k: [1, 2]}
    out: {n: n.txt}
  gather:
    uses: ./stages/gather.ts
    in: {counts: {each: count}, data: data}
    publish: results
`,
  'stages/gather.ts': `import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {defineStage, z} from 'pipe-ml/stage';

export default defineStage({
  about: 'Gathers.',
  params: z.object({}),
  inputs: {counts: 'each', data: 'one'},
  outputs: {table: {kind: 'file', name: 'table.md'}, pages: {kind: 'folder', name: 'pages'}},
  run({inputs, outputs, metric}) {
    const all = inputs.counts.map(run => readFileSync(run.files.n, 'utf8')).join('');
    writeFileSync(outputs.table, all);
    mkdirSync(outputs.pages + '/more', {recursive: true});
    writeFileSync(outputs.pages + '/index.md', 'index of ' + all);
    writeFileSync(outputs.pages + '/more/a.md', 'a page that stays');
    metric('runs', inputs.counts.length);
  },
});
`,
};

export function writeStudy(project: string): void {
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(project, path)), {recursive: true});
    writeFileSync(join(project, path), text);
  }
}

/** The edit that changes results everywhere. */
export const editWords = (project: string): void =>
  writeFileSync(join(project, 'words.txt'), 'some more words\n');

/** What a person did to a published file, and means to keep. */
export const REMARK = 'a remark of the user\n';

export function editPublished(project: string): void {
  const path = join(project, PUBLISHED[0]);
  chmodSync(path, 0o644);
  writeFileSync(path, readFileSync(path, 'utf8') + REMARK);
}

/** A copy that is as the original is, links and times included, these to the nanosecond. */
export function copyProject(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to]);
}
