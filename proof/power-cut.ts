// Power cuts in one command: its calls are recorded once; then, for a chosen moment, a state is built that the disk may be
// in after a cut there, and the next run, of another boot, has to heal it.

import {createHash} from 'node:crypto';
import {existsSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {namesIn} from '../src/host/atomic-file.ts';
import {isUntouched} from '../src/store/blobs/blob-stamp.ts';
import {Disk} from './disk.ts';
import type {Calm, Place} from './place.ts';
import type {Call} from './preload.ts';
import {below, randomOf} from './random.ts';
import type {Scenario} from './scenario.ts';
import {LOCK, OWN_FILES, PUBLISHED} from './study.ts';

/** Seconds. */
const DAY = 86_400;
/** The boot in which the command was cut off. */
const BOOT = '0b0b0b0b-0000-4000-8000-000000000000\n';

export class PowerCuts {
  readonly #place: Place;
  readonly #scenario: Scenario;
  readonly #calm: Calm;
  readonly #calls: readonly Call[];
  readonly #own: ReadonlyMap<string, string>;
  /** What may stand at each path that people commit: by path, each content that it ever had. */
  readonly #versions = new Map<string, Set<string | undefined>>();

  private constructor(scenario: Scenario, place: Place, calm: Calm, calls: readonly Call[]) {
    this.#scenario = scenario;
    this.#place = place;
    this.#calm = calm;
    this.#calls = calls;
    this.#own = new Map(OWN_FILES.map(path => [path, readFileSync(join(place.project, path), 'utf8')]));
  }

  get calls(): number {
    return this.#calls.length;
  }

  static async open(scenario: Scenario, place: Place): Promise<PowerCuts> {
    await scenario.prepare(place);
    place.keep();
    const boot = join(place.folder, 'boot');
    writeFileSync(boot, BOOT);
    const versions = [place.versionsOf([LOCK, ...PUBLISHED])];
    const said = await place.pipe(scenario.command, {record: 'data', boot});
    if (said.code !== 0)
      throw new Error(`undisturbed, ${scenario.name} ended with ${said.code}\n${said.text}`);
    versions.push(place.versionsOf([LOCK, ...PUBLISHED]));
    const calls = place.calls();
    await place.must('run');
    const cuts = new PowerCuts(scenario, place, place.calm(), calls);
    for (const version of versions) {
      for (const [path, text] of version) {
        cuts.#versions.set(path, (cuts.#versions.get(path) ?? new Set()).add(text));
      }
    }
    return cuts;
  }

  /** One cut by a seed of its own: what did not hold; nothing where all did. */
  async try(seed: number): Promise<readonly string[]> {
    const random = randomOf(seed);
    // The end counts as often as all the rest of ten moments: what was said to be done has to be there.
    const at = random() < 0.1 ? this.#calls.length : below(random, this.#calls.length + 1);
    this.#cut(at, random);
    const isBootNoted = existsSync(join(this.#place.project, 'cache/boots', BOOT.slice(0, 8)));
    const wrong: string[] = [];
    const isEnd = at === this.#calls.length;
    for (const [path, text] of this.#place.versionsOf([LOCK, ...PUBLISHED])) {
      const versions = [...(this.#versions.get(path) ?? [])];
      if (isEnd ? text !== versions.at(-1) : !versions.includes(text)) {
        wrong.push(
          `${path} is ${isEnd ? 'not the new one' : 'neither old nor new'}: ${JSON.stringify(text)}`,
        );
      }
    }
    wrong.push(...this.#place.lost(this.#own));
    const next = await this.#place.pipe(this.#scenario.next);
    if (next.code !== 0) wrong.push(`the next call ended with ${next.code ?? next.signal}: ${next.text}`);
    const now = this.#place.calm();
    if (now.published !== this.#calm.published)
      wrong.push(`published files differ: ${JSON.stringify(now.published)}`);
    if (now.lock !== this.#calm.lock) wrong.push('the lock file differs');
    wrong.push(...this.#wrongBlobs());
    // Lines and plans in pieces are passed over, and stay until somebody has them mended.
    await this.#place.inside('verify', '--repair');
    const verified = await this.#place.inside('verify');
    if (verified.code !== 0) wrong.push(`pipe verify ended with ${verified.code}: ${verified.text}`);
    // Of a boot that had noted nothing yet, nobody knows whether it is over: what it left stays for a day.
    const swept = isBootNoted
      ? await this.#place.inside('gc', '--force')
      : await this.#place.pipe(['gc', '--force'], {ahead: 2 * DAY});
    if (swept.code !== 0) wrong.push(`pipe gc ended with ${swept.code}: ${swept.text}`);
    const left = this.#place.leftovers();
    if (left.length > 0) wrong.push(`left behind: ${left.join(', ')}`);
    return wrong.length === 0
      ? []
      : [...wrong, `cut after call ${at} of ${this.#calls.length}`, `said: ${next.text}`];
  }

  /** Puts the project into a state that a cut after so many calls may leave. */
  #cut(at: number, random: () => number): void {
    this.#place.reset();
    const disk = new Disk(this.#place.project);
    for (const call of this.#calls.slice(0, at)) disk.apply(call);
    rmSync(this.#place.project, {recursive: true, force: true});
    mkdirSync(this.#place.project);
    disk.cut(this.#place.project, random);
  }

  /** Blobs whose bytes are not those of their name, and that would be believed without a look at them. */
  #wrongBlobs(): string[] {
    const blobs = join(this.#place.project, 'cache/blobs');
    const wrong: string[] = [];
    for (const shard of namesIn(blobs)) {
      for (const rest of namesIn(join(blobs, shard))) {
        const path = join(blobs, shard, rest);
        const digest = createHash('sha256').update(readFileSync(path)).digest('hex');
        if (digest !== shard + rest && isUntouched(lstatSync(path).mtimeMs))
          wrong.push(`the blob ${shard}${rest} has other bytes, and would be believed`);
      }
    }
    return wrong;
  }
}
