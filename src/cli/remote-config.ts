// An executor of kind remote in pipe.config.yaml: a server of the Remote Execution API, and what its workers have to be.

import type {Diagnostic} from '../core/diagnostic.ts';
import {mistake} from '../core/diagnostic.ts';
import {describe, type Node} from '../spec/tree.ts';
import {type AwayConfig, readAway} from './away-config.ts';
import type {SettingsReader} from './settings-reader.ts';

export interface RemoteConfig extends AwayConfig {
  readonly kind: 'remote';
  /** `grpc://HOST:PORT/INSTANCE` or `grpcs://…`. */
  readonly address: string;
  /** Platform properties: what a worker has to be, in the server's words. */
  readonly properties: Readonly<Record<string, string>>;
  /** What starts `pipe` on a worker, for stage modules, where it is not at the same place as here. */
  readonly command: readonly string[] | null;
  /** Lines that a shell runs first on a worker. */
  readonly setup: string;
  /** PATH on a worker. */
  readonly path: string;
  readonly bash: string;
  /** Jobs on the server at once. */
  readonly jobs: number;
}

const DEFAULT_JOBS = 200;

export const readRemote = (settings: SettingsReader, mistakes: Diagnostic[]): RemoteConfig => ({
  ...readAway(settings),
  kind: 'remote',
  address: readAddress(settings, mistakes),
  properties: readProperties(settings.node('properties'), mistakes),
  command: settings.texts('command') ?? null,
  setup: settings.text('setup') ?? '',
  path: settings.text('path') ?? '/usr/local/bin:/usr/bin:/bin',
  bash: settings.text('bash') ?? '/bin/bash',
  jobs: settings.count('jobs') ?? DEFAULT_JOBS,
});

function readAddress(settings: SettingsReader, mistakes: Diagnostic[]): string {
  const node = settings.node('address');
  const text = settings.text('address') ?? '';
  if (/^grpcs?:\/\/[^/?]+/.test(text) && URL.canParse(text)) return text;
  const got = node === undefined ? 'none' : describe(node);
  mistakes.push(
    mistake(
      'bad-address',
      `expected grpc://HOST:PORT or grpcs://HOST:PORT as address, got ${got}`,
      node?.span,
    ),
  );
  return '';
}

function readProperties(node: Node | undefined, mistakes: Diagnostic[]): Record<string, string> {
  const properties: Record<string, string> = {};
  if (node === undefined) return properties;
  const wrong = (at: Node): void =>
    void mistakes.push(
      mistake('wrong-type', `expected a map of texts as properties, got ${describe(at)}`, at.span),
    );
  if (node.kind !== 'map') wrong(node);
  else {
    for (const {key, value} of node.entries) {
      if (value.kind === 'scalar' && value.value !== null) properties[key.value] = String(value.value);
      else wrong(value);
    }
  }
  return properties;
}
