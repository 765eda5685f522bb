// A file system in memory that knows what of it has reached the disk: calls are put in as they were made, and any state
// comes out that a power cut may leave. The rules are those that applications can count on across ext4, XFS and btrfs
// (Pillai et al., OSDI 2014): bytes of a file are on the disk after an fsync of it, names in a folder after an fsync of
// that. Before, anything goes: writes are lost, cut short or zeros of the right length, while the file's name is kept.
// Names reach the disk in the order in which they were made (a journal that is cut off), or each for itself.

import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join} from 'node:path';
import {assertNever} from '../src/core/result.ts';
import type {Call} from './preload.ts';
import {below} from './random.ts';

type Change =
  | {readonly is: 'write'; readonly at: number; readonly bytes: Buffer}
  | {readonly is: 'cut'; readonly size: number}
  /** All that a file holds, where somebody else wrote it. */
  | {readonly is: 'whole'; readonly bytes: Buffer};

interface Attributes {
  readonly mode: number;
  /** Microseconds since the epoch; `null`: whenever it was written. */
  readonly time: number | null;
}

interface FileNode {
  readonly kind: 'file';
  readonly initial: Buffer;
  readonly changes: Change[];
  /** How many of the changes are on the disk for sure. */
  synced: number;
  attributes: Attributes;
}

interface FolderNode {
  readonly kind: 'folder';
}

interface LinkNode {
  readonly kind: 'link';
  readonly target: string;
}

type DiskNode = FileNode | FolderNode | LinkNode;

/** What a call does to names, in one step: each name of a folder leads to a node, or to nothing. */
interface Step {
  readonly names: ReadonlyArray<{
    readonly folder: FolderNode;
    readonly name: string;
    readonly node: DiskNode | null;
  }>;
}

type Names = Map<FolderNode, Map<string, DiskNode>>;

export class Disk {
  readonly #root: FolderNode = {kind: 'folder'};
  /** What programs see. */
  readonly #now: Names = new Map();
  /** What was there at first, and is on the disk. */
  readonly #before: Names = new Map();
  readonly #steps: Step[] = [];
  /** The last step of names for which an fsync of anything vouches where names go in order. */
  #forced = 0;
  /** For each folder, the steps that its own fsync vouches for. */
  readonly #vouched = new Map<FolderNode, number>();
  readonly #top: string;

  /** `top`: a folder, absolute; what is in it now is on the disk. Paths of calls are below it, or are passed over. */
  constructor(top: string) {
    this.#top = top;
    this.#load(top, this.#root);
    for (const [folder, names] of this.#now) this.#before.set(folder, new Map(names));
  }

  #load(path: string, node: FolderNode): void {
    const names = new Map<string, DiskNode>();
    this.#now.set(node, names);
    for (const name of readdirSync(path)) {
      const absolute = join(path, name);
      const state = lstatSync(absolute);
      if (state.isDirectory()) {
        const folder: FolderNode = {kind: 'folder'};
        names.set(name, folder);
        this.#load(absolute, folder);
      } else if (state.isSymbolicLink()) names.set(name, {kind: 'link', target: readlinkSync(absolute)});
      else {
        names.set(name, {
          kind: 'file',
          initial: readFileSync(absolute),
          changes: [],
          synced: 0,
          attributes: {mode: state.mode & 0o777, time: Math.round(state.mtimeMs * 1000)},
        });
      }
    }
  }

  apply({kind, path, other, value, data}: Call): void {
    switch (kind) {
      case 'create':
        this.#set([[path, newFile(value)]]);
        break;
      case 'mkdir': {
        const folder: FolderNode = {kind: 'folder'};
        this.#now.set(folder, new Map());
        this.#set([[path, folder]]);
        break;
      }
      case 'symlink':
        this.#set([[other, {kind: 'link', target: path}]]);
        break;
      case 'unlink':
      case 'rmdir':
        this.#set([[path, null]]);
        break;
      case 'rename':
      case 'link': {
        const node = this.#held(path, data);
        if (node !== undefined)
          this.#set([...(kind === 'rename' ? [[path, null] as const] : []), [other, node]]);
        break;
      }
      case 'write':
        this.#change(path, {is: 'write', at: value, bytes: Buffer.from(data, 'hex')});
        break;
      case 'copy':
        this.#change(path, {is: 'whole', bytes: Buffer.from(data.slice(1), 'hex')});
        break;
      case 'truncate':
        this.#change(path, {is: 'cut', size: value});
        break;
      case 'chmod':
      case 'times':
        this.#setAttribute(path, kind, value);
        break;
      case 'fsync':
        this.#sync(this.#find(path));
        break;
      default:
        throw new Error(`a call of an unknown kind: ${kind}`);
    }
  }

  #setAttribute(path: string, kind: 'chmod' | 'times', value: number): void {
    const node = this.#find(path);
    if (node?.kind !== 'file') return;
    const {mode, time} = node.attributes;
    node.attributes = kind === 'chmod' ? {mode: value, time} : {mode, time: value < 0 ? null : value};
  }

  #sync(node: DiskNode | undefined): void {
    if (node === undefined) return;
    this.#forced = this.#steps.length;
    if (node.kind === 'folder') this.#vouched.set(node, this.#steps.length);
    else if (node.kind === 'file') node.synced = node.changes.length;
  }

  #find(path: string): DiskNode | undefined {
    if (path !== this.#top && !path.startsWith(`${this.#top}/`)) return undefined;
    let node: DiskNode | undefined = this.#root;
    for (const name of path.slice(this.#top.length + 1).split('/')) {
      if (name === '' || name === '.') continue;
      node = node?.kind === 'folder' ? this.#now.get(node)?.get(name) : undefined;
    }
    return node;
  }

  #set(changes: ReadonlyArray<readonly [string, DiskNode | null]>): void {
    const names = changes.flatMap(([path, node]) => {
      const folder = this.#find(dirname(path));
      if (folder?.kind !== 'folder') return [];
      const name = path.slice(dirname(path).length + 1);
      const now = this.#now.get(folder);
      if (node === null) now?.delete(name);
      else now?.set(name, node);
      return [{folder, name, node}];
    });
    if (names.length > 0) this.#steps.push({names});
  }

  /** The node at a path; where another process wrote it, or to it, as the call found it. */
  #held(path: string, data: string): DiskNode | undefined {
    const node = this.#find(path);
    if (!data.startsWith('=')) return node;
    const bytes = Buffer.from(data.slice(1), 'hex');
    if (node?.kind === 'file' && contentsOf(node, node.changes.length).equals(bytes)) return node;
    if (node !== undefined && node.kind !== 'file') return node;
    const file = node ?? newFile(0o644);
    file.changes.push({is: 'whole', bytes});
    return file;
  }

  #change(path: string, change: Change): void {
    const node = this.#find(path);
    if (node?.kind === 'file') node.changes.push(change);
  }

  /** Writes into an empty folder a state that a power cut may leave now, with the choices of `random`. */
  cut(into: string, random: () => number): void {
    const isOrdered = random() < 0.5;
    const kept = isOrdered ? this.#inOrder(random) : this.#eachForItself(random);
    const names: Names = new Map();
    for (const [folder, before] of this.#before) names.set(folder, new Map(before));
    for (const step of kept) {
      for (const {folder, name, node} of step.names) {
        const there = names.get(folder) ?? new Map<string, DiskNode>();
        names.set(folder, there);
        if (node === null) there.delete(name);
        else there.set(name, node);
      }
    }
    this.#write(into, this.#root, names, random, new Map());
  }

  /** A journal that was cut off somewhere after what is vouched for. */
  #inOrder(random: () => number): readonly Step[] {
    return this.#steps.slice(0, this.#forced + below(random, this.#steps.length - this.#forced + 1));
  }

  /** Any of the steps that nothing vouches for, but of each name the earlier ones before the later. */
  #eachForItself(random: () => number): readonly Step[] {
    const chance = random();
    const lost = new Map<FolderNode, Set<string>>();
    return this.#steps.filter((step, index) => {
      const isVouched = step.names.some(({folder}) => (this.#vouched.get(folder) ?? 0) > index);
      const isBlocked = step.names.some(({folder, name}) => lost.get(folder)?.has(name) === true);
      if (isVouched || (!isBlocked && random() < chance)) return true;
      for (const {folder, name} of step.names) lost.set(folder, (lost.get(folder) ?? new Set()).add(name));
      return false;
    });
  }

  #write(
    path: string,
    folder: FolderNode,
    names: Names,
    random: () => number,
    done: Map<FileNode, Buffer>,
  ): void {
    mkdirSync(path, {recursive: true});
    for (const [name, node] of names.get(folder) ?? []) {
      const absolute = join(path, name);
      switch (node.kind) {
        case 'folder':
          this.#write(absolute, node, names, random, done);
          break;
        case 'link':
          symlinkSync(node.target, absolute);
          break;
        case 'file': {
          // Two names of one file: the same bytes.
          const bytes = done.get(node) ?? survivorOf(node, random);
          done.set(node, bytes);
          // Set before the file has its name, and kept in the same order; that the bytes are not is what is hard to bear.
          const {mode, time} = node.attributes;
          writeFileSync(absolute, bytes);
          chmodSync(absolute, mode);
          if (time !== null) utimesSync(absolute, (time + 0.5) / 1e6, (time + 0.5) / 1e6);
          break;
        }
        default:
          assertNever(node);
      }
    }
  }
}

const newFile = (mode: number): FileNode => ({
  kind: 'file',
  initial: Buffer.alloc(0),
  changes: [],
  synced: 0,
  attributes: {mode, time: null},
});

/** A file after so many of its changes. */
function contentsOf({initial, changes}: FileNode, count: number): Buffer {
  let bytes = initial;
  for (const change of changes.slice(0, count)) {
    switch (change.is) {
      case 'whole':
        bytes = change.bytes;
        break;
      case 'cut':
        bytes = resized(bytes, change.size);
        break;
      case 'write':
        bytes = resized(bytes, Math.max(bytes.length, change.at + change.bytes.length));
        change.bytes.copy(bytes, change.at);
        break;
      default:
        assertNever(change);
    }
  }
  return bytes;
}

function resized(bytes: Buffer, size: number): Buffer {
  const out = Buffer.alloc(size);
  bytes.copy(out);
  return out;
}

/** What a power cut leaves of a file's bytes: of what no fsync vouches for all, a part, a torn part, or its length. */
function survivorOf(node: FileNode, random: () => number): Buffer {
  const {synced, changes} = node;
  if (synced === changes.length) return contentsOf(node, synced);
  const until = synced + below(random, changes.length - synced + 1);
  const bytes = contentsOf(node, until);
  const sure = contentsOf(node, synced);
  const whole = contentsOf(node, changes.length);
  switch (below(random, 5)) {
    case 0:
      return whole;
    case 1:
      return bytes;
    case 2:
      return sure;
    case 3:
      // The length is on the disk, the bytes are not.
      return resized(sure.subarray(0, Math.min(sure.length, whole.length)), whole.length);
    default: {
      // Torn within a write.
      const untouched = commonLength(sure, whole);
      const torn = untouched + below(random, whole.length - untouched + 1);
      return Buffer.concat([whole.subarray(0, torn), Buffer.alloc(random() < 0.5 ? 0 : whole.length - torn)]);
    }
  }
}

function commonLength(a: Buffer, b: Buffer): number {
  const longest = Math.min(a.length, b.length);
  for (let at = 0; at < longest; at++) if (a[at] !== b[at]) return at;
  return longest;
}
