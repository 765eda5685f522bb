// What a Python process is told before it imports a stage: which module, and where to look. Used where a declaration has
// to be asked of the living function, and where the stage runs.

import {join} from 'node:path';
import type {JsonObject} from '../core/json.ts';
import type {PythonEntry} from './python-store.ts';

/** `folder`: where the sources lie at their paths in the project, absolute. */
export function templateSetup(entry: PythonEntry, folder: string): JsonObject {
  const at = (path: string): string => (path === '' ? folder : join(folder, path));
  return {
    module: entry.name,
    file: at(entry.file),
    function: entry.function,
    folder,
    path: {front: entry.front.map(at), back: entry.back.map(at)},
  };
}
