// Raw data files of a data set, uncompressed and checked: the same bytes whichever host or mirror served them.
// The folder holds the files and `source.json`, which says what they are.

import {mkdir, rm, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {defineStage, z} from '../src/stage/define.ts';
import {type DataSource, datasetNames, type Package, sources} from './data/catalogue.ts';
import {digitsAttribution, readDigits} from './data/digits.ts';
import {describeRaw, sourceFileName} from './data/raw.ts';
import {supply} from './data/supply.ts';

const explicitFile = z.strictObject({
  name: z.string().regex(/^[\w][\w.-]*$/, 'expected a plain file name'),
  urls: z.array(z.url({protocol: /^https?$/})).min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits, of the file or of its content'),
  unpack: z.enum(['none', 'gzip', 'tar.gz', 'zip']).default('none'),
});

const params = z
  .object({
    dataset: z
      .string()
      .regex(/^[\w][\w-]*$/)
      .describe(`one of ${datasetNames.join(', ')}; a name of your own with \`files\``),
    files: z.array(explicitFile).optional().describe('files of a data set that is not in the list'),
    subset: z
      .enum(['refuse', 'accept'])
      .default('refuse')
      .describe('whether a mirror may stand in with a part of the data set; tables then say so'),
    idle_seconds: z.number().positive().default(30).describe('how long a host may stay silent'),
    most_bytes: z.number().int().positive().default(50e9).describe('a file that is larger is refused'),
    attempts: z.number().int().positive().default(4).describe('tries in a row without progress, per host'),
  })
  .superRefine(({dataset, files}, context) => {
    if (files !== undefined || datasetNames.some(name => name === dataset)) return;
    context.addIssue({
      code: 'custom',
      path: ['dataset'],
      message: `expected ${datasetNames.join(', ')}, or a name of your own with \`files\`, got ${dataset}`,
    });
  });

export default defineStage({
  about:
    'Gets the raw files of a data set: from a mirror, else from its hosts in order; checked and unpacked.',
  params,
  inputs: {},
  outputs: {data: 'folder'},
  async run({params, outputs, checkpoint, mirror, signal, log, progress, metric}) {
    const work = checkpoint ?? `${outputs.data}.partial`;
    await mkdir(work, {recursive: true});
    const taken: Package[] = [];
    if (params.dataset === 'digits' && params.files === undefined) {
      await writeFile(join(outputs.data, 'digits.csv'), readDigits());
    } else {
      const source = sourceOf(params);
      const rate = measureRate(progress);
      for (const part of source.parts) {
        taken.push(
          await supply(part, {
            set: source.set,
            folder: outputs.data,
            work,
            mirror,
            system: source.system,
            acceptsSubset: params.subset === 'accept' || params.dataset === 'cifar10-mini',
            idleMs: params.idle_seconds * 1000,
            attempts: params.attempts,
            pauseMs: 500,
            mostBytes: params.most_bytes,
            needed: source.parts.map(([first]) => first?.file ?? ''),
            signal,
            log,
            onProgress: rate,
          }),
        );
      }
    }
    const isSubset = taken.some(one => one.isSubset);
    if (isSubset)
      log(`${params.dataset}: a part of the published data set; do not compare with published numbers`);
    const description = await describeRaw(
      outputs.data,
      {
        dataset: params.dataset,
        is_subset: isSubset,
        ...(params.dataset === 'digits' ? {attribution: digitsAttribution} : {}),
      },
      signal,
    );
    await writeFile(join(outputs.data, sourceFileName), `${JSON.stringify(description, null, 2)}\n`);
    metric('bytes', description.bytes);
    await rm(work, {recursive: true, force: true});
  },
  holds: {
    data: 'source.json (what the bytes are: data set, sizes, SHA-256) and the uncompressed files of the data set',
  },
});

function sourceOf({dataset, files}: z.output<typeof params>): DataSource {
  if (files !== undefined) return {set: dataset, parts: files.map(file => [packageOf(file)])};
  for (const name of datasetNames) if (name === dataset && name !== 'digits') return sources[name];
  throw new Error(`${dataset} has no source`); // the schema lets no other name through
}

function packageOf(file: z.infer<typeof explicitFile>): Package {
  const {name, urls, sha256} = file;
  const base = {file: name, urls, digest: {algorithm: 'sha256', hex: sha256}, isSubset: false} as const;
  switch (file.unpack) {
    case 'none':
      return {...base, unpacking: {kind: 'keep', to: name}};
    case 'gzip':
      return {...base, unpacking: {kind: 'gzip', to: name.replace(/\.gz$/, ''), content: null}};
    case 'tar.gz':
      return {...base, unpacking: {kind: 'tar-tree', under: null}};
    case 'zip':
      return {...base, unpacking: {kind: 'zip-tree', under: null}};
  }
}

/** Reports megabytes and the rate since the file began, a few times a second. */
function measureRate(
  progress: (report: {done: number; total: number; unit: string; detail?: string}) => void,
): (file: string, done: number, total: number | undefined) => void {
  let current = '';
  let [startedAt, startedWith, shownAt] = [0, 0, 0];
  return (file, done, total) => {
    const now = performance.now();
    if (file !== current) [current, startedAt, startedWith, shownAt] = [file, now, done, 0];
    if (now - shownAt < 250 && done !== total) return;
    shownAt = now;
    const seconds = (now - startedAt) / 1000;
    const rate = seconds > 0.2 ? `, ${((done - startedWith) / 1e6 / seconds).toFixed(1)} MB/s` : '';
    progress({
      done: round(done / 1e6),
      total: round((total ?? done) / 1e6),
      unit: 'MB',
      detail: `${file}${rate}`,
    });
  };
}

const round = (value: number): number => Math.round(value * 10) / 10;
