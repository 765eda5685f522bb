// A real HTTP server for download tests, whose behaviour a test sets per path: cuts, refusals, wrong bytes.

import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';

export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

export interface DownloadServer {
  readonly url: string;
  /** Requests so far: path and Range header. */
  readonly requests: readonly {readonly path: string; readonly range: string | undefined}[];
  readonly serve: (path: string, behaviour: Behaviour) => void;
  readonly close: () => Promise<void>;
}

export async function startServer(): Promise<DownloadServer> {
  const behaviours = new Map<string, Behaviour>();
  const requests: {path: string; range: string | undefined}[] = [];
  const server: Server = createServer((request, response) => {
    const path = request.url ?? '';
    requests.push({path, range: request.headers.range});
    const behaviour = behaviours.get(path);
    if (behaviour === undefined) response.writeHead(404).end();
    else behaviour(request, response);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    serve: (path, behaviour) => {
      behaviours.set(path, behaviour);
    },
    close: () =>
      new Promise(resolve => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** The whole file with an ETag, and parts of it on request. */
export const ranged =
  (bytes: Buffer, etag = '"one"'): Behaviour =>
  (request, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const isSame = request.headers['if-range'] === undefined || request.headers['if-range'] === etag;
    if (start > 0 && isSame && start < bytes.length) {
      response.writeHead(206, {
        etag,
        'content-length': bytes.length - start,
        'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
      });
      response.end(bytes.subarray(start));
      return;
    }
    response.writeHead(200, {etag, 'content-length': bytes.length}).end(bytes);
  };

/** Sends `length` bytes of what was promised, then cuts the connection. */
export const cutAfter =
  (bytes: Buffer, length: number, headers: Record<string, string>): Behaviour =>
  (_request, response) => {
    response.writeHead(200, {...headers, 'content-length': bytes.length});
    response.write(bytes.subarray(0, length), () => response.destroy());
  };

export const status =
  (code: number): Behaviour =>
  (_request, response) => {
    response.writeHead(code).end('no');
  };

/** One behaviour after another; the last one stays. */
export function inTurn(...behaviours: readonly [Behaviour, ...Behaviour[]]): Behaviour {
  let turn = 0;
  return (request, response) => {
    const behaviour = behaviours[Math.min(turn++, behaviours.length - 1)] ?? behaviours[0];
    behaviour(request, response);
  };
}
