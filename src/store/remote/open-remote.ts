// Addresses of stores: a folder, `http(s)://`, `s3://`, `grpc(s)://`; what is behind them is loaded with the first use.

import {isAbsolute, join, resolve} from 'node:path';
import {fileURLToPath} from 'node:url';
import {err, ok, type Result} from '../../core/result.ts';
import type {Remote} from './remote.ts';

export interface RemoteSettings {
  /** What a relative folder is relative to: the project, absolute. */
  readonly project: string;
  /** This package's folder, which holds protocol files. */
  readonly packageRoot: string;
  /** PIPE_STORE_TOKEN: sent to `http` and `grpc` as a bearer token. */
  readonly token: string | null;
}

export interface RemoteAddress {
  /** The address itself, a folder's made absolute. */
  readonly text: string;
  readonly open: () => Promise<Remote>;
  /** `mode=read`: nothing is ever written there. */
  readonly isReadOnly: boolean;
  /** `required`: a run fails when the store is down, instead of going on without. */
  readonly isRequired: boolean;
}

const KNOWN = 'a folder, http://…, https://…, s3://BUCKET/PREFIX, grpc://HOST:PORT or grpcs://HOST:PORT';

/** What `store:` in pipe.config.yaml or PIPE_STORE says, or what was expected instead. */
export function parseRemote(address: string, settings: RemoteSettings): Result<RemoteAddress, string> {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//.exec(address)?.[1];
  if (scheme === undefined) {
    const [path = '', query = ''] = address.split('?');
    const folder = isAbsolute(path) ? path : resolve(settings.project, path);
    const text = query === '' ? folder : `${folder}?${query}`;
    return withOptions(text, new URLSearchParams(query), [], () => openFolder(folder));
  }
  if (!URL.canParse(address)) return err(`expected ${KNOWN}, got '${address}'`);
  const url = new URL(address);
  const path = url.pathname.replace(/^\/+|\/+$/g, '');
  switch (scheme) {
    case 'file':
      return withOptions(address, url.searchParams, [], () =>
        openFolder(fileURLToPath(new URL(url.pathname, 'file:'))),
      );
    case 'http':
    case 'https':
      return withOptions(address, url.searchParams, [], async () => {
        const {httpRemote} = await import('./http-remote.ts');
        const base = `${url.protocol}//${url.host}${path === '' ? '' : `/${path}`}`;
        return httpRemote({base, authorization: authorizationOf(url, settings.token)});
      });
    case 's3':
      return withOptions(address, url.searchParams, ['endpoint', 'region', 'path-style'], async () => {
        const {s3Remote} = await import('./s3-remote.ts');
        const endpoint = url.searchParams.get('endpoint');
        const style = url.searchParams.get('path-style');
        return s3Remote({
          bucket: url.host,
          prefix: path,
          endpoint,
          region: url.searchParams.get('region'),
          pathStyle: style === null ? endpoint !== null : style === 'true',
        });
      });
    case 'grpc':
    case 'grpcs':
      return withOptions(address, url.searchParams, [], async () => {
        const {reapiRemote} = await import('./reapi-remote.ts');
        return reapiRemote({
          address: url.host,
          isSecure: scheme === 'grpcs',
          instance: path,
          token: settings.token,
          protocol: join(settings.packageRoot, 'data/remote-execution'),
        });
      });
    default:
      return err(`expected ${KNOWN}, got '${address}'`);
  }
}

async function openFolder(path: string): Promise<Remote> {
  const {folderRemote} = await import('./folder-remote.ts');
  return folderRemote(path);
}

const COMMON = ['mode', 'required'];

function withOptions(
  text: string,
  query: URLSearchParams,
  own: readonly string[],
  open: () => Promise<Remote>,
): Result<RemoteAddress, string> {
  const known = [...COMMON, ...own];
  const stranger = [...query.keys()].find(key => !known.includes(key));
  if (stranger !== undefined) return err(`expected ${known.join(', ')} behind ?, got '${stranger}'`);
  const mode = query.get('mode') ?? 'read-write';
  if (mode !== 'read' && mode !== 'read-write')
    return err(`expected mode=read or mode=read-write, got '${mode}'`);
  const required = query.get('required') ?? 'false';
  if (required !== 'true' && required !== 'false') {
    return err(`expected required=true or required=false, got '${required}'`);
  }
  return ok({text, open, isReadOnly: mode === 'read', isRequired: required === 'true'});
}

function authorizationOf(url: URL, token: string | null): string | null {
  if (url.username !== '') {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    return `Basic ${Buffer.from(pair).toString('base64')}`;
  }
  return token === null ? null : `Bearer ${token}`;
}
