// An artifact by the beginning of its digest: what it is, which instances made it, what it holds.

import type {Artifact} from '../../action/action.ts';
import {type Digest, shortDigest} from '../../core/digest.ts';
import type {Json} from '../../core/json.ts';
import {formatBytes, plural} from '../../report/format.ts';
import type {Palette} from '../../report/palette.ts';
import {type Column, renderTable} from '../../report/table.ts';
import {refuse} from '../exit.ts';
import type {Inquiry} from '../inquiry.ts';
import type {Workspace} from '../workspace.ts';
import {drawPairs} from './pairs.ts';

interface FoundArtifact {
  readonly artifact: Artifact;
  readonly makers: readonly {readonly id: string; readonly output: string}[];
}

/** The artifact whose digest begins so, among the results of this pipeline. */
export async function findArtifact(inquiry: Inquiry, prefix: string): Promise<FoundArtifact> {
  const found = new Map<Digest, {artifact: Artifact; makers: {id: string; output: string}[]}>();
  for (const known of await inquiry.of(inquiry.plan.instances)) {
    if (known.status === 'missing') continue;
    for (const [output, artifact] of Object.entries(known.result.outputs)) {
      if (!artifact.digest.startsWith(prefix)) continue;
      const other = found.get(artifact.digest) ?? {artifact, makers: []};
      other.makers.push({id: known.instance.id, output});
      found.set(artifact.digest, other);
    }
  }
  const [only] = found.values();
  if (only !== undefined && found.size === 1) return only;
  const what = found.size === 0 ? 'no artifact' : `${found.size} artifacts`;
  return refuse(
    'unknown-artifact',
    `expected an artifact of ${inquiry.plan.pipeline}, but ${what} of its results begins with ${prefix}`,
  );
}

const FILES_SHOWN = 20;

export function drawArtifact(
  {blobs}: Workspace,
  {artifact, makers}: FoundArtifact,
  palette: Palette,
): string[] {
  const lines = [
    `${palette.name(artifact.digest)}`,
    `${artifact.kind}, ${formatBytes(artifact.size)}`,
    ...drawPairs(
      'made by',
      makers.map(({id, output}) => [id, palette.dim(output)]),
      palette,
    ),
  ];
  const files = blobs.filesOf(artifact);
  if (artifact.kind === 'file' || !files.ok) return lines;
  const columns: Column[] = [
    {header: '', align: 'left'},
    {header: '', align: 'right'},
    {header: '', align: 'left'},
  ];
  const rows = files.value
    .slice(0, FILES_SHOWN)
    .map(({path, digest, size}) => [`  ${path}`, formatBytes(size), palette.dim(shortDigest(digest))]);
  const more = files.value.length - FILES_SHOWN;
  lines.push('', palette.strong(plural(files.value.length, 'file')), ...renderTable(columns, rows));
  return more > 0 ? [...lines, palette.dim(`  and ${more} more`)] : lines;
}

export const artifactJson = ({artifact, makers}: FoundArtifact): Json => ({
  kind: artifact.kind,
  digest: artifact.digest,
  size: artifact.size,
  madeBy: makers.map(({id, output}) => ({id, output})),
});
