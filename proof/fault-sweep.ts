// One fault in one command, and what has to hold afterwards: the next call ends with 0, in the same bytes as ever, nothing of the
// user's is lost, all blobs are whole, and nothing that was half done is left. A call that fails is told of in words.

import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import type {Calm, Place, Said} from './place.ts';
import {type Call, type Fault, HOWS, type How} from './preload.ts';
import type {Scenario} from './scenario.ts';
import {OWN_FILES} from './study.ts';

/** A command that is hit by faults, from the same state each time. */
export class FaultSweep {
  readonly scenario: Scenario;
  readonly #place: Place;
  readonly #calm: Calm;
  readonly #own: ReadonlyMap<string, string>;
  /** The calls of a run that nobody disturbs: how many there are, and of what kind. */
  readonly calls: readonly Call[];

  private constructor(scenario: Scenario, place: Place, calm: Calm, calls: readonly Call[]) {
    this.scenario = scenario;
    this.#place = place;
    this.#calm = calm;
    this.calls = calls;
    this.#own = new Map(OWN_FILES.map(path => [path, readFileSync(join(place.project, path), 'utf8')]));
  }

  static async open(scenario: Scenario, place: Place): Promise<FaultSweep> {
    await scenario.prepare(place);
    place.keep();
    const said = await place.pipe(scenario.command, {record: 'names'});
    if (said.code !== 0)
      throw new Error(`undisturbed, ${scenario.name} ended with ${said.code}\n${said.text}`);
    const calls = place.calls();
    await place.must('run');
    return new FaultSweep(scenario, place, place.calm(), calls);
  }

  /** Every fault that can be put into the command. */
  faults(): Fault[] {
    const faults: Fault[] = [];
    const last = this.calls.at(-1)?.number ?? 0;
    const kinds = new Map(this.calls.map(call => [call.number, call.kind]));
    for (let at = 1; at <= last; at++) {
      const kind = kinds.get(at) ?? 'open';
      for (const how of HOWS) {
        if (!canHit(how, kind)) continue;
        faults.push({at, how, isHeld: false, countsReads: false});
        // A disk that is full, or that can only be read, stays so for a while.
        if (how === 'ENOSPC' || how === 'EROFS') faults.push({at, how, isHeld: true, countsReads: false});
      }
    }
    return faults;
  }

  /** What did not hold; nothing where all did. */
  async try(fault: Fault): Promise<readonly string[]> {
    const place = this.#place;
    place.reset();
    const hit = await place.pipe(this.scenario.command, {record: 'hit', fault});
    const calls = place.calls();
    const wrong = calls.length > 0 ? this.#judge(fault, hit) : [];
    const next = await place.pipe(this.scenario.next);
    if (next.code !== 0) wrong.push(`the next call ended with ${next.code ?? next.signal}: ${next.text}`);
    // Signs of life of who is gone say nothing, and stay until a run, or a sweep.
    const unfinished = place
      .unfinished()
      .filter(path => this.scenario.next[0] === 'run' || !path.startsWith('cache/running/'));
    if (unfinished.length > 0) wrong.push(`still there after the next call: ${unfinished.join(', ')}`);
    const now = place.calm();
    if (now.published !== this.#calm.published)
      wrong.push(`published files differ: ${JSON.stringify(now.published)}`);
    if (now.lock !== this.#calm.lock) wrong.push('the lock file differs');
    wrong.push(...place.lost(this.#own));
    if (this.scenario.hasRemark && !place.hasRemark()) wrong.push("the user's edit is lost");
    await this.#mustEndWell(['verify'], wrong);
    await this.#mustEndWell(['gc', '--force'], wrong);
    const left = place.leftovers();
    if (left.length > 0) wrong.push(`left behind: ${left.join(', ')}`);
    return wrong.length === 0 ? [] : [...wrong, `hit: ${describe(calls)}`, `said: ${hit.text}`];
  }

  async #mustEndWell(args: readonly string[], wrong: string[]): Promise<void> {
    const said = await this.#place.inside(...args);
    if (said.code !== 0)
      wrong.push(`pipe ${args.join(' ')} ended with ${said.code ?? said.signal}: ${said.text}`);
  }

  #judge({how, at}: Fault, {code, signal, text}: Said): string[] {
    if (how === 'kill' || how === 'tear') {
      return signal === 'SIGKILL' ? [] : [`it was to be killed at ${at}, and ended with ${code ?? signal}`];
    }
    if (signal !== null) return [`it ended by ${signal}`];
    if (code === 0) return [];
    if (code !== 1 && code !== 2) return [`it ended with ${code}`];
    return WORDS[how].test(text) ? [] : [`it ended with ${code}, and its words do not say why`];
  }
}

/** What an error is told with. */
const WORDS: Readonly<Record<Exclude<How, 'kill' | 'tear'>, RegExp>> = {
  ENOSPC: /disk (?:is )?full/,
  EIO: /could not be read or written|input\/output|i\/o error/i,
  EMFILE: /too many open files/,
  EACCES: /no permission/,
  EROFS: /read-only/,
};

const canHit = (how: How, kind: string): boolean => {
  switch (how) {
    case 'kill':
    case 'EIO':
      return true;
    case 'tear':
      return kind === 'write';
    case 'ENOSPC':
      return !['unlink', 'rmdir', 'chmod', 'times', 'truncate', 'reopen'].includes(kind);
    case 'EMFILE':
      return ['open', 'create', 'reopen'].includes(kind);
    case 'EACCES':
      return !['write', 'copy', 'fsync'].includes(kind);
    case 'EROFS':
      return !['write', 'copy', 'fsync'].includes(kind);
  }
};

const describe = (calls: readonly Call[]): string => {
  const [first] = calls;
  if (first === undefined) return 'nothing';
  const more = calls.length > 1 ? ` and ${calls.length - 1} more` : '';
  return `${first.kind} ${first.path}${first.other === '' ? '' : ` → ${first.other}`}${more}`;
};
