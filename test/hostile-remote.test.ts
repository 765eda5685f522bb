// A shared store that means no good: bodies that never end, and other lengths than said.

import assert from 'node:assert/strict';
import {existsSync, mkdtempSync, rmSync} from 'node:fs';
import {createServer} from 'node:http';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {digestBytes} from '../src/core/digest.ts';
import {parseRemote} from '../src/store/remote/open-remote.ts';

test('of a row or a blob no more is taken than it may have', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pipe-hostile-'));
  let sent = 0;
  const server = createServer((_request, response) => {
    response.writeHead(200);
    const more = (): void => {
      if (response.destroyed || sent > 400e6) return;
      sent += 65_536;
      response.write(Buffer.alloc(65_536, 'x'), more);
    };
    more();
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  try {
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const parsed = parseRemote(`http://127.0.0.1:${port}`, {
      project: folder,
      packageRoot: folder,
      token: null,
    });
    assert.ok(parsed.ok);
    const {blobs, actions} = await parsed.value.open();
    const digest = digestBytes('x');
    assert.deepEqual(await actions.get({digest, size: 1}), {ok: true, value: undefined});
    assert.ok(sent < 200e6, `${sent} bytes for a row`);
    sent = 0;
    const to = join(folder, 'to');
    const fetched = await blobs.fetch({digest, size: 1000}, to);
    assert.ok(!fetched.ok && /more than the 1000 bytes/.test(fetched.error.message));
    assert.ok(!existsSync(to), 'nothing is left of it');
    assert.ok(sent < 100e6, `${sent} bytes for a blob`);
    await Promise.all([blobs.close(), actions.close()]);
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, {recursive: true});
  }
});
