// Keeps secrets out of what is written: logs, failures, names of metrics, and outputs, which may hold none at all. A
// secret is found as it is and in the encodings that people print by accident; what a stage encodes otherwise, or says
// in pieces, is beyond this.

import {createReadStream, createWriteStream, readdirSync, renameSync, statSync} from 'node:fs';
import {Writable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import type {Json} from '../core/json.ts';

/** The fewest characters that can be told from other text. */
export const SHORTEST_SECRET = 6;
/** The fewest characters of a line of a secret that has several, such as a private key. */
const SHORTEST_LINE = 12;
const MASK = '***';

export class Redaction {
  /** The texts to look for, the longest first, with the variable whose value they tell. */
  readonly #forms: readonly (readonly [form: string, name: string])[];
  /** The same as bytes, one character per byte. */
  readonly #bytes: readonly (readonly [form: string, name: string])[];

  /** `secrets`: values by the names of their variables. */
  constructor(secrets: Readonly<Record<string, string>>) {
    const forms = new Map<string, string>();
    for (const [name, value] of Object.entries(secrets)) {
      for (const form of formsOf(value)) if (!forms.has(form)) forms.set(form, name);
    }
    this.#forms = [...forms].sort(([a], [b]) => b.length - a.length);
    this.#bytes = this.#forms.map(([form, name]) => [Buffer.from(form, 'utf8').toString('latin1'), name]);
  }

  get isNeeded(): boolean {
    return this.#forms.length > 0;
  }

  text(text: string): string {
    return maskIn(text, this.#forms);
  }

  /** Plain data with every text in it masked, keys as well. */
  json<T extends Json>(value: T): T;
  json(value: Json): Json {
    if (typeof value === 'string') return this.text(value);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(each => this.json(each));
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [
        this.text(key),
        each === undefined ? each : this.json(each),
      ]),
    );
  }

  /** For a text that comes in pieces: what may be the beginning of a secret is held back until it is none. */
  stream(tell: (text: string) => void): RedactedStream {
    return new RedactedStream(this.#forms, tell);
  }

  /** Masks a file in place. Throws errors of the system. */
  async file(path: string): Promise<void> {
    if (!this.isNeeded || (await this.#findInFile(path)) === undefined) return;
    const masked = `${path}.masked`;
    const to = createWriteStream(masked);
    const stream = new RedactedStream(this.#bytes, text => to.write(text, 'latin1'));
    await pipeline(createReadStream(path), sinkInto(stream));
    stream.end();
    await new Promise<void>((done, failed) => {
      to.once('error', failed);
      to.end(() => done());
    });
    renameSync(masked, path);
  }

  /** The first place at or below `path` that tells a secret, in a name or in bytes. Throws errors of the system. */
  async find(path: string): Promise<{readonly path: string; readonly name: string} | undefined> {
    if (!this.isNeeded) return undefined;
    const state = statSync(path, {throwIfNoEntry: false});
    if (state?.isDirectory()) {
      for (const name of readdirSync(path)) {
        const told = this.#forms.find(([form]) => name.includes(form))?.[1];
        if (told !== undefined) return {path, name: told};
        const found = await this.find(`${path}/${name}`);
        if (found !== undefined) return found;
      }
      return undefined;
    }
    const name = state?.isFile() ? await this.#findInFile(path) : undefined;
    return name === undefined ? undefined : {path, name};
  }

  /** The name of the variable whose value is in a file. */
  async #findInFile(path: string): Promise<string | undefined> {
    if (!statSync(path, {throwIfNoEntry: false})?.isFile()) return undefined;
    const longest = Math.max(...this.#bytes.map(([form]) => form.length));
    let rest = '';
    for await (const chunk of createReadStream(path)) {
      const text = rest + Buffer.from(chunk).toString('latin1');
      const found = this.#bytes.find(([form]) => text.includes(form));
      if (found !== undefined) return found[1];
      rest = text.slice(-longest);
    }
    return undefined;
  }
}

type Forms = readonly (readonly [form: string, name: string])[];

export class RedactedStream {
  readonly #forms: Forms;
  readonly #tell: (text: string) => void;
  #held = '';

  constructor(forms: Forms, tell: (text: string) => void) {
    this.#forms = forms;
    this.#tell = tell;
  }

  push(text: string): void {
    const all = maskIn(this.#held + text, this.#forms);
    const held = this.#forms.reduce((most, [form]) => Math.max(most, beginningAtEnd(all, form)), 0);
    this.#held = all.slice(all.length - held);
    this.#say(all.slice(0, all.length - held));
  }

  /** Nothing more comes: what is held back is the beginning of no secret. */
  end(): void {
    this.#say(this.#held);
    this.#held = '';
  }

  #say(text: string): void {
    if (text !== '') this.#tell(text);
  }
}

function sinkInto(stream: RedactedStream): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      stream.push(chunk.toString('latin1'));
      done();
    },
  });
}

function maskIn(text: string, forms: Forms): string {
  let masked = text;
  for (const [form] of forms) if (masked.includes(form)) masked = masked.replaceAll(form, MASK);
  return masked;
}

/** How many characters at the end of `text` are a beginning of `form`, and not the whole. */
function beginningAtEnd(text: string, form: string): number {
  for (let length = Math.min(form.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(form.slice(0, length))) return length;
  }
  return 0;
}

/** A secret as it is, each long line of it, and all of these in the encodings that headers, addresses and JSON have. */
function formsOf(value: string): string[] {
  const lines = value.split(/\r?\n/).map(line => line.trim());
  const plain = [value, value.trim(), ...(lines.length > 1 ? lines.filter(isLongLine) : [])];
  const forms = plain.filter(text => text.length >= SHORTEST_SECRET);
  return forms.flatMap(text => [
    text,
    ...base64Forms(text),
    Buffer.from(text).toString('hex'),
    encodeURIComponent(text),
    JSON.stringify(text).slice(1, -1),
  ]);
}

const isLongLine = (line: string): boolean => line.length >= SHORTEST_LINE;

/**
 * What every base64 text that holds `text` holds, whatever stands before and after it: three bytes become four
 * characters, so there are three ways, and the characters at both ends depend on the neighbours.
 */
function base64Forms(text: string): string[] {
  return [0, 1, 2].flatMap(before => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]);
    const whole = Math.floor((bytes.length * 8) / 6);
    const inner = bytes.toString('base64').slice(Math.ceil((before * 8) / 6), whole);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
}
