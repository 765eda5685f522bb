// A project with Python files in a temporary folder, and its code digests as the command line has them.

import {mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join, resolve} from 'node:path';
import {openPython} from '../../src/cli/python.ts';
import type {Diagnostic} from '../../src/core/diagnostic.ts';
import type {PythonCode} from '../../src/python/python-store.ts';
import {BlobShelf} from '../../src/store/blobs/blob-shelf.ts';
import {DiskBlobStore} from '../../src/store/blobs/blob-store.ts';
import {CodeShelf} from '../../src/store/blobs/code-shelf.ts';
import {FileStateCache} from '../../src/store/blobs/file-state.ts';

export class PythonProject implements Disposable {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'pipe-python-')));
  readonly notices: string[] = [];
  packageRoot = resolve(import.meta.dirname, '../..');
  /** Of the configuration. */
  program: string | null = null;
  path: string[] = [];
  env: Record<string, string | undefined> = process.env;

  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const [path, text] of Object.entries(files)) this.write(path, text);
  }

  write(path: string, text: string): void {
    const to = join(this.folder, path);
    mkdirSync(dirname(to), {recursive: true});
    writeFileSync(to, text);
  }

  edit(path: string, before: string, after: string): void {
    const text = readFileSync(join(this.folder, path), 'utf8');
    if (!text.includes(before)) throw new Error(`expected '${before}' in ${path}`);
    this.write(path, text.replace(before, after));
  }

  remove(path: string): void {
    rmSync(join(this.folder, path), {recursive: true});
  }

  /** The code of a stage as a new process of pipe finds it. */
  async read(module = 'stages/fit.py'): Promise<PythonCode | readonly Diagnostic[]> {
    const store = join(this.folder, 'cache');
    const files = new FileStateCache(join(store, 'files.journal'), Date.now);
    const blobs = new DiskBlobStore(new BlobShelf(store), files);
    const python = openPython({
      project: this.folder,
      store,
      packageRoot: this.packageRoot,
      shelf: new CodeShelf(store, blobs, files),
      blobs,
      settings: {
        program: this.program,
        path: this.path,
        env: this.env,
        onNotice: notice => this.notices.push(notice),
      },
    });
    const code = await python.digest(join(this.folder, module));
    files.save();
    return code.ok ? code.value : code.error;
  }

  async code(module = 'stages/fit.py'): Promise<PythonCode> {
    const read = await this.read(module);
    if ('code' in read) return read;
    throw new Error(read.map(({message}) => message).join('\n'));
  }

  async mistakes(module = 'stages/fit.py'): Promise<readonly Diagnostic[]> {
    const read = await this.read(module);
    if ('code' in read) throw new Error('expected mistakes, got none');
    return read;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, {recursive: true, force: true});
  }
}

/** A stage with these lines inside and above its function. */
export const stageText = (inside: string, above = ''): string =>
  `from pipe_stage import stage\n${above}\n\n@stage\ndef fit():\n    ${inside || 'pass'}\n`;
