// Text → located tree, with the `yaml` library. Whatever is not plain data (tags, merge keys, anchors that
// grow without bound, keys that are no text, numbers that JSON cannot hold) is a diagnostic with its place.

import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  parseDocument,
  type YAMLMap,
  type YAMLSeq,
  type Node as YamlNode,
} from 'yaml';
import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {JsonScalar} from '../core/json.ts';
import {err, ok, type Result} from '../core/result.ts';
import type {SourceFile, Span} from '../core/source.ts';
import {isReserved} from './name.ts';
import type {Entry, ListNode, MapNode, Node, ScalarNode} from './tree.ts';
import {syntaxMistakes} from './yaml-syntax.ts';
import {numberProblem, textMistake} from './yaml-text.ts';

/** Values that aliases may add to a file, all together. */
const ALIAS_LIMIT = 10_000;
const DEPTH_LIMIT = 100;

/** What a text holds, and what is wrong with it. `tree` is `null` where the text cannot be read at all. */
export interface Parsed {
  readonly tree: Node | null;
  readonly mistakes: readonly Diagnostic[];
}

/**
 * Reads one YAML document, from `offset` of the text on. An empty document is a scalar `null`.
 * Gives every mistake found, in the order of the text. What is no plain data is reported and left out of the tree.
 */
export function parseYaml(file: SourceFile, offset = 0): Parsed {
  const unreadable = textMistake(file, offset);
  if (unreadable) return {tree: null, mistakes: [unreadable]};
  const parsed = parse(file, offset);
  if (!parsed.ok) return {tree: null, mistakes: [parsed.error]};
  const document = parsed.value;
  // Tags that cannot be resolved are reported below, with all other tags.
  const errors = document.errors.filter(error => error.code !== 'TAG_RESOLVE_FAILED');
  if (errors.length > 0) return {tree: null, mistakes: syntaxMistakes(file, offset, errors)};
  const reader = new TreeReader(file, offset);
  const tree = document.contents
    ? reader.read(document.contents as YamlNode, 0)
    : reader.empty(reader.place(0, 0));
  return {tree, mistakes: reader.mistakes};
}

function parse(file: SourceFile, offset: number): Result<Document.Parsed, Diagnostic> {
  try {
    // uniqueKeys compares every pair of keys, which is quadratic: duplicates are found below.
    return ok(
      parseDocument(offset === 0 ? file.text : file.text.slice(offset), {
        uniqueKeys: false,
        prettyErrors: false,
        logLevel: 'error',
      }),
    );
  } catch (error) {
    // The library recurses over nested collections.
    if (!(error instanceof RangeError)) throw error;
    const span = {file, start: offset, end: offset};
    return err(mistake('yaml-depth', `expected at most ${DEPTH_LIMIT} nested levels, got far more`, span));
  }
}

interface Anchor {
  readonly node: Node;
  /** Number of values in it, aliases expanded. */
  readonly size: number;
}

class TreeReader {
  readonly mistakes: Diagnostic[] = [];
  readonly #file: SourceFile;
  readonly #offset: number;
  readonly #anchors = new Map<string, Anchor>();
  readonly #open = new Set<string>();
  /** Values read so far, aliases expanded. */
  #size = 0;
  #aliased = 0;

  constructor(file: SourceFile, offset: number) {
    this.#file = file;
    this.#offset = offset;
  }

  place(start: number, end: number): Span {
    return {file: this.#file, start: this.#offset + start, end: this.#offset + end};
  }

  empty(span: Span): ScalarNode {
    return {kind: 'scalar', value: null, span, origin: null};
  }

  read(node: YamlNode, depth: number, emptyAt?: Span): Node {
    this.#size++;
    const [start, end] = node.range ?? [0, 0];
    const span = start === end && emptyAt ? emptyAt : this.place(start, end);
    if (isAlias(node)) return this.#alias(node.source, span);
    if (node.tag !== undefined) {
      this.#report('yaml-tag', `expected plain data, got a value with the tag ${shortTag(node.tag)}`, span, {
        hint: 'remove the tag: text goes into quotes, other values are written as they are',
      });
      return this.empty(span);
    }
    const anchor = isScalar(node) || isCollection(node) ? node.anchor : undefined;
    if (anchor === undefined) return this.#value(node, span, depth);
    const before = this.#size;
    this.#open.add(anchor);
    const read = this.#value(node, span, depth);
    this.#open.delete(anchor);
    this.#anchors.set(anchor, {node: read, size: this.#size - before + 1});
    return read;
  }

  #value(node: YamlNode, span: Span, depth: number): Node {
    if (depth > DEPTH_LIMIT) {
      this.#report('yaml-depth', `expected at most ${DEPTH_LIMIT} nested levels`, span);
      return this.empty(span);
    }
    if (isMap(node)) return this.#map(node, span, depth);
    if (isCollection(node)) return this.#list(node as YAMLSeq, span, depth);
    return {
      kind: 'scalar',
      value: this.#scalar(isScalar(node) ? node : {value: null}, span),
      span,
      origin: null,
    };
  }

  #scalar(node: {value: unknown; source?: string}, span: Span): JsonScalar {
    const {value, source = ''} = node;
    if (typeof value === 'string' && value.includes('\0')) {
      const hint = 'no environment variable and no file name can hold it';
      this.#report('control-character', 'expected text without the character \\0', span, {hint});
    }
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value !== 'number') throw new TypeError(`Unexpected YAML scalar ${String(value)}`);
    const problem = numberProblem(value, source);
    if (problem) this.#report('bad-number', problem.message, span, {hint: problem.hint});
    return value === 0 ? 0 : value;
  }

  #list(node: YAMLSeq, span: Span, depth: number): ListNode {
    const items = node.items.map(item => this.read(item as YamlNode, depth + 1));
    return {kind: 'list', items, span, origin: null};
  }

  #map(node: YAMLMap, span: Span, depth: number): MapNode {
    const seen = new Map<string, Span>();
    const entries: Entry[] = [];
    for (const pair of node.items) {
      const key = this.#key(pair.key as YamlNode | null, span);
      const at = key?.span ?? span;
      const value = pair.value ? this.read(pair.value as YamlNode, depth + 1, at) : this.empty(at);
      if (!key) continue;
      const first = seen.get(key.value);
      if (first) {
        this.#report('duplicate-key', `expected each key once, got '${key.value}' a second time`, key.span, {
          notes: [{message: 'first here', span: first}],
        });
        continue;
      }
      seen.set(key.value, key.span);
      entries.push({key, value});
    }
    return {kind: 'map', entries, span, origin: null};
  }

  #key(node: YamlNode | null, around: Span): {value: string; span: Span} | null {
    const span = node?.range ? this.place(node.range[0], node.range[1]) : around;
    if (!isScalar(node) || node.tag !== undefined || node.anchor !== undefined) {
      const got = isMap(node) ? 'a map' : isCollection(node) ? 'a list' : 'something else';
      this.#report('bad-key', `expected a name as key, got ${got}`, span);
      return null;
    }
    if (typeof node.value !== 'string') {
      const got = node.value === null ? 'nothing' : `the ${typeof node.value} ${node.source ?? ''}`;
      const hint =
        node.value === null ? undefined : `put it into quotes if it is meant as a name: "${node.source}"`;
      this.#report('bad-key', `expected a name as key, got ${got}`, span, {hint});
      return null;
    }
    if (node.value === '<<') {
      this.#report('merge-key', 'merge keys (`<<`) are not supported', span, {
        hint: 'write the keys out, or name the shared value under `params` and refer to it',
      });
      return null;
    }
    if (isReserved(node.value)) {
      this.#report('reserved-key', `'${node.value}' cannot be a key: every JavaScript object has one`, span, {
        hint: 'choose another name',
      });
      return null;
    }
    return {value: node.value, span};
  }

  #alias(name: string, span: Span): Node {
    const anchor = this.#anchors.get(name);
    if (!anchor) {
      const why = this.#open.has(name) ? 'the value that it stands in' : 'an anchor that is not above it';
      this.#report('bad-alias', `the alias *${name} refers to ${why}`, span);
      return this.empty(span);
    }
    this.#size += anchor.size;
    const before = this.#aliased;
    this.#aliased += anchor.size;
    if (this.#aliased > ALIAS_LIMIT) {
      if (before <= ALIAS_LIMIT) {
        const message = `expected aliases to stand for at most ${ALIAS_LIMIT} values in all, got more`;
        this.#report('alias-bomb', message, span);
      }
      return this.empty(span);
    }
    return anchor.node;
  }

  #report(code: string, message: string, span: Span, more: Parameters<typeof mistake>[3] = {}): void {
    this.mistakes.push(mistake(code, message, span, more));
  }
}

const shortTag = (tag: string): string => tag.replace(/^tag:yaml\.org,2002:/, '!!');
