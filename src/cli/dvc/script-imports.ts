// Which modules of a project a Python script names in its imports, all the way down: DVC does not track them, and a
// command that does not declare them would not find them. Texts are looked at, not parsed: this is for a draft.

export interface ScriptFiles {
  /** `null` for what is no file. */
  readonly read: (path: string) => string | null;
}

/** Paths relative to the project, without the script itself. */
export function modulesOf(script: string, {read}: ScriptFiles): string[] {
  const found = new Set<string>();
  const visit = (path: string): void => {
    const text = read(path);
    if (text === null) return;
    for (const name of namesIn(text)) {
      for (const each of filesOf(name, folderOf(path), read)) {
        if (each === script || found.has(each)) continue;
        found.add(each);
        visit(each);
      }
    }
  };
  visit(script);
  return [...found].sort();
}

/** Dotted names; `from a import b` may mean the module `a.b`. Relative ones begin with a dot. */
function namesIn(text: string): string[] {
  const names: string[] = [];
  for (const [, from, list = ''] of text.matchAll(
    /^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]+\(?([^#\n)]*)/gm,
  )) {
    if (from === undefined) continue;
    names.push(from);
    for (const word of list.split(',')) {
      const name = word.trim().split(/\s/)[0] ?? '';
      if (/^\w+$/.test(name)) names.push(from.endsWith('.') ? from + name : `${from}.${name}`);
    }
  }
  for (const [, list = ''] of text.matchAll(/^[ \t]*import[ \t]+([^#\n]*)/gm)) {
    for (const word of list.split(',')) names.push(word.trim().split(/\s/)[0] ?? '');
  }
  return names.filter(name => name !== '');
}

function filesOf(name: string, folder: string, read: ScriptFiles['read']): string[] {
  const steps = name
    .replace(/^\.+/, '')
    .split('.')
    .filter(step => step !== '');
  const roots = name.startsWith('.') ? [folder] : [folder, '.'];
  for (const root of roots) {
    const files: string[] = [];
    let at = root;
    let isThere = false;
    for (const step of steps) {
      at = at === '.' ? step : `${at}/${step}`;
      const candidates = [`${at}.py`, `${at}/__init__.py`].filter(path => read(path) !== null);
      isThere ||= candidates.length > 0;
      files.push(...candidates);
    }
    if (isThere) return files;
  }
  return [];
}

const folderOf = (path: string): string => (path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.');
