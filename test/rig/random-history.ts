// The life of a project, drawn at random: edits of its study, runs that are left alone, killed or made two at once,
// damage of its store, files removed from its results, sweeps. After each run everything that can be seen is held
// against the model: what ran and what did not, the bytes of outputs, the lock file, published folders.

import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import fc from 'fast-check';
import type {RunEvent} from '../../src/run/event.ts';
import {CliProject, type Ended} from './cli-project.ts';
import {eventsOf} from './cli-run.ts';
import {
  contentOf,
  type Draw,
  editStudy,
  edits,
  RAN,
  type Study,
  studies,
  textOf,
  toolOf,
} from './random-study.ts';
import {damage, filesBelow, type Hit, type Place, places, rot, type Way, ways} from './store-damage.ts';
import {labelOf, type ModelledInstance, modelOf} from './study-model.ts';

const faults = ['none', 'damage', 'rot', 'unpublish', 'gc', 'touch', 'sneak'] as const;

export interface Step {
  readonly edits: readonly Draw[];
  readonly fault: {
    readonly kind: (typeof faults)[number];
    readonly place: Place;
    readonly way: Way;
    readonly draw: number;
  };
  /** `killed`: after so many events and turns of the loop, and run again. */
  readonly run: {readonly how: 'calm' | 'killed' | 'two'; readonly events: number; readonly turns: number};
}

export interface History {
  readonly study: Study;
  readonly steps: readonly Step[];
}

const placeNames = Object.keys(places) as Place[];
const step: fc.Arbitrary<Step> = fc.record({
  edits: fc.array(edits, {maxLength: 3}),
  fault: fc.record({
    kind: fc.constantFrom(...faults, 'none', 'damage', 'damage'),
    place: fc.constantFrom(...placeNames, 'blob'),
    way: fc.constantFrom(...ways),
    draw: fc.nat(1_000_000),
  }),
  run: fc.record({
    how: fc.constantFrom('calm', 'calm', 'killed', 'two'),
    events: fc.integer({min: 1, max: 12}),
    turns: fc.nat(300),
  }),
});

export const histories: fc.Arbitrary<History> = fc.record({
  study: studies,
  steps: fc.array(step, {minLength: 2, maxLength: 5}),
});

const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');

type Outcomes = ReadonlyMap<
  ModelledInstance,
  {readonly status: string; readonly digests: Readonly<Record<string, string>>}
>;

export class Life implements Disposable {
  readonly #rig = new CliProject();
  /** What commands write to, and no run knows of. */
  readonly #outside = mkdtempSync(join(tmpdir(), 'pipe-outside-'));
  #study: Study;
  /** By key: `yes` where a result is in the store, `maybe` where damage, a sweep or a kill may have taken it. */
  readonly #known = new Map<string, 'yes' | 'maybe'>();
  /** Of each key, digests of what it gave and of what it read. */
  readonly #gave = new Map<string, ReadonlySet<string>>();
  readonly #read = new Map<string, ReadonlySet<string>>();
  readonly #keyOf = new Map<string, string>();
  /** What the lock file names. */
  #locked = new Set<string>();
  /** Damaged so far: what stands in the index can be made again from the records of runs, and only from them. */
  readonly #hurt = new Set<Place>();
  #isLockWhole = true;
  /** Published files that somebody edited: where nothing is published any more, they stay. */
  readonly #edited = new Set<string>();
  /** Blobs that were damaged: `verify` voids what was made from those that nobody has looked at since. */
  readonly #hits: Hit[] = [];
  readonly log: string[] = [];

  constructor(study: Study) {
    this.#study = study;
    this.#write();
  }

  get folder(): string {
    return this.#rig.folder;
  }

  async live({steps}: History): Promise<void> {
    for (const {edits: draws, fault, run} of steps) {
      for (const draw of draws) this.#study = editStudy(this.#study, draw);
      this.#write();
      this.log.push(
        `edits ${draws.map(({kind}) => kind).join()}; fault ${JSON.stringify(fault)}; run ${JSON.stringify(run)}`,
      );
      await this.#suffer(fault);
      if (run.how === 'killed') await this.#killed(run);
      await this.#run(run.how === 'two' ? 2 : 1, run.how === 'killed');
    }
    await this.#end();
  }

  /** Everything is as the model says, nothing is left to do, and the store says so itself. */
  async #end(): Promise<void> {
    await this.#run(1);
    this.#voided();
    const repaired = await this.#rig.pipe('verify', '--repair');
    assert.equal(repaired.code, 0, `verify --repair: ${said(repaired)}`);
    const verified = await this.#rig.pipe('verify');
    assert.equal(verified.code, 0, `after a repair: ${said(verified)}`);
    assert.equal((await this.#rig.pipe('gc', '--force', '--keep-days', '0')).code, 0);
    for (const folder of ['tmp', 'sandboxes', 'running', 'claims']) {
      assert.deepEqual(namesIn(this.#rig.path(`cache/${folder}`)), [], `cache/${folder} is empty`);
    }
    const left = ['cache', 'pipelines', 'results'].flatMap(path => filesBelow(this.folder, path));
    assert.deepEqual(
      left.filter(path => /\/\.pipe-/.test(path)),
      [],
    );
    await this.#run(1);
  }

  #write(): void {
    this.#put('pipelines/study.yaml', textOf(this.#study, this.#outside));
    for (const [n, content] of this.#study.files.entries()) this.#put(`data/${n}.txt`, contentOf(content));
    this.#put('data/2.txt', contentOf(0));
    for (const [n, content] of this.#study.tools.entries()) this.#put(`tools/${n}.sh`, toolOf(content));
  }

  /** Without touching what is right. */
  #put(path: string, text: string): void {
    if (!existsSync(this.#rig.path(path)) || this.#rig.read(path) !== text) this.#rig.write(path, text);
  }

  async #suffer({kind, place, way, draw}: Step['fault']): Promise<void> {
    switch (kind) {
      case 'none':
        return;
      case 'damage': {
        // A folder in the place of a lock file is the user's own doing: it is said, and left alone.
        const how = place === 'lock' && way === 'folder' ? 'garbage' : way;
        const hit = damage(this.folder, place, how, draw);
        if (hit !== undefined) this.#damaged(place, how, hit);
        return;
      }
      case 'rot': {
        const hit = rot(this.folder, draw);
        if (hit === undefined) return;
        this.#hits.push(hit);
        this.#voided();
        const verified = await this.#rig.pipe('verify');
        assert.equal(verified.code, 1, `rot of ${hit.path} is found: ${said(verified)}`);
        return;
      }
      case 'unpublish': {
        const files = filesBelow(this.folder, 'results');
        const path = files[draw % Math.max(1, files.length)];
        if (path === undefined) return;
        if (draw % 3 === 0) {
          this.#rig.write(path, 'edited by somebody\n');
          this.#edited.add(path);
        } else rmSync(this.#rig.path(path));
        return;
      }
      case 'gc': {
        const swept = await this.#rig.pipe('gc', '--force', '--keep-days', '0');
        if (swept.code === 2 && !this.#isLockWhole) return;
        assert.equal(swept.code, 0, said(swept));
        for (const key of this.#known.keys()) {
          if (!this.#isLockWhole || !this.#locked.has(key)) this.#known.set(key, 'maybe');
        }
        return;
      }
      case 'touch':
        utimesSync(this.#rig.path('data/0.txt'), new Date(), new Date());
        return;
      case 'sneak': {
        // As long, with the same times.
        const path = this.#rig.path('data/0.txt');
        const {atime, mtime} = statSync(path);
        const [first = 0, ...others] = this.#study.files;
        this.#study = {...this.#study, files: [(first + 1) % 3, ...others]};
        this.#write();
        utimesSync(path, atime, mtime);
        return;
      }
    }
  }

  #damaged(place: Place, way: Way, hit: Hit): void {
    this.log.push(`  hit ${hit.path}`);
    if (place === 'blob') {
      this.#hits.push(hit);
      this.#forget(this.#gave, hit);
      return;
    }
    this.#hurt.add(place);
    if (place === 'lock') this.#isLockWhole = false;
    if (place === 'index' && way === 'delete') {
      // Nothing says that there was one.
      const [shard = '', rest = ''] = hit.path.split('/').slice(-2);
      const key = this.#keyOf.get(shard + rest);
      if (key !== undefined) this.#known.set(key, 'maybe');
    }
    if (this.#hurt.has('index') && this.#hurt.has('runs')) this.#doubtAll();
  }

  #doubtAll(): void {
    for (const key of this.#known.keys()) this.#known.set(key, 'maybe');
  }

  /** A blob is gone: of whom it was known that it gave (or read) it, nothing is certain. */
  #forget(digests: ReadonlyMap<string, ReadonlySet<string>>, {before}: Hit): void {
    // The listing of a folder: in which ones it is, the model does not say.
    const isListing = before.toString().startsWith('{"files":');
    const digest = sha256(before);
    for (const key of this.#known.keys()) {
      if (isListing || digests.get(key)?.has(digest)) this.#known.set(key, 'maybe');
    }
  }

  #voided(): void {
    for (const hit of this.#hits) {
      this.#forget(this.#gave, hit);
      this.#forget(this.#read, hit);
    }
  }

  async #killed({events, turns}: Step['run']): Promise<void> {
    let seen = 0;
    const ended = await this.#rig.start(['run', 'study', '--json'], {
      onLine: (_line, child) => {
        if (++seen === events) afterTurns(turns, () => child.kill('SIGKILL'));
      },
    }).ended;
    const model = modelOf(this.#study, this.#outside);
    if (model === undefined) return;
    const all = eventsOf(ended.stdout);
    if (ended.signal === 'SIGKILL') this.#hurt.add('runs');
    const instances = byId(all, model);
    for (const event of all) {
      if (event.type === 'started') {
        const key = instances.get(event.id)?.key ?? '';
        if (this.#known.get(key) === undefined) this.#known.set(key, 'maybe');
      }
    }
    const outcomes = outcomesOf(all, instances);
    this.#checkOutputs(outcomes);
    this.#learn(all, instances);
  }

  /** Runs of the study, all at once. */
  async #run(runners: number, isAfterKill = false): Promise<void> {
    const before = this.#ran();
    const ended = await Promise.all(
      Array.from({length: runners}, () => this.#rig.pipe('run', 'study', '--json')),
    );
    const model = modelOf(this.#study, this.#outside);
    const executed = new Map<string, number>();
    for (const each of ended) {
      if (model === undefined || model.length === 0) {
        assert.equal(each.code, 2, `a mistake of the pipeline: ${said(each)}`);
        continue;
      }
      const code = model.some(({fails}) => fails) ? 1 : 0;
      assert.equal(each.code, code, said(each));
      const all = eventsOf(each.stdout);
      const instances = byId(all, model);
      const outcomes = outcomesOf(all, instances);
      for (const instance of model) {
        const status = outcomes.get(instance)?.status;
        const name = nameOf(instance);
        if (instance.fails) assert.equal(status, 'failed', name);
        else if (instance.files === undefined) assert.equal(status, 'skipped', name);
        else assert.ok(status === 'executed' || status === 'cached', `${name} ${status}`);
        if (status === 'executed') executed.set(instance.key, (executed.get(instance.key) ?? 0) + 1);
      }
      this.#checkOutputs(outcomes);
      this.#learnDigests(all, instances);
    }
    if (model === undefined) return;
    for (const {key, files, ...instance} of model) {
      if (files === undefined) continue;
      const times = executed.get(key) ?? 0;
      const known = this.#known.get(key);
      const name = nameOf(instance);
      assert.ok(times <= 1, `${name} was made ${times} times`);
      if (known === 'yes') assert.equal(times, 0, `${name} ran, though nothing of it has changed`);
      if (known === undefined) assert.equal(times, 1, `${name} did not run, though it is new`);
    }
    this.#locked = new Set();
    for (const {key, files} of model) {
      if (files === undefined) continue;
      this.#known.set(key, 'yes');
      this.#locked.add(key);
    }
    if (model.length === 0) return;
    this.#isLockWhole = true;
    const ran = this.#ran().length - before.length;
    const all = [...executed.values()].reduce((sum, times) => sum + times, 0);
    // A command that a killed runner left behind may come to its end before the next runner ends it.
    assert.ok(ran === all || (isAfterKill && ran > all), `${ran} commands ran, ${all} were told`);
    this.#checkLock(model);
    this.#checkResults(model);
  }

  #learn(all: readonly RunEvent[], instances: ReadonlyMap<string, ModelledInstance>): void {
    this.#learnDigests(all, instances);
    for (const event of all) {
      if (event.type !== 'finished' || event.outcome.status !== 'executed') continue;
      const instance = instances.get(event.id);
      if (instance !== undefined) this.#known.set(instance.key, 'yes');
    }
  }

  #learnDigests(all: readonly RunEvent[], instances: ReadonlyMap<string, ModelledInstance>): void {
    for (const event of all) {
      if (event.type !== 'finished' || !('result' in event.outcome)) continue;
      const instance = instances.get(event.id);
      if (instance === undefined) continue;
      this.#keyOf.set(event.outcome.fingerprint, instance.key);
      this.#gave.set(instance.key, new Set(Object.values(instance.files ?? {}).map(sha256)));
      this.#read.set(instance.key, new Set(instance.reads.map(sha256)));
    }
  }

  #checkOutputs(outcomes: Outcomes): void {
    for (const [instance, {digests}] of outcomes) {
      if (digests.text === undefined) continue;
      const {files = {}} = instance;
      assert.equal(digests.text, sha256(files['text.txt'] ?? ''), `${nameOf(instance)}.text`);
      assert.equal(digests.best, sha256(files['best.json'] ?? ''), `${nameOf(instance)}.best`);
    }
  }

  #checkLock(model: readonly ModelledInstance[]): void {
    const lock: unknown = JSON.parse(this.#rig.read('pipelines/study.lock.json'));
    const text = JSON.stringify(lock);
    for (const {files} of model) {
      if (files !== undefined)
        assert.ok(text.includes(sha256(files['text.txt'] ?? '')), 'the lock file has it');
    }
  }

  /** Where all succeeded, the folder of results holds what they gave and nothing else. */
  #checkResults(model: readonly ModelledInstance[]): void {
    const wanted = new Map<string, string>();
    for (const {stage, cell, files} of model) {
      if (!stage.publishes) continue;
      const below = Object.keys(cell).length === 0 ? '' : `/${labelAsWritten(cell)}`;
      for (const [path, text] of Object.entries(files ?? {})) {
        wanted.set(`results/${stage.name}${below}/${path}`, text);
      }
    }
    const found = filesBelow(this.folder, 'results').filter(
      path => wanted.has(path) || !this.#edited.has(path),
    );
    const isWhole = model.every(({files}) => files !== undefined);
    if (isWhole) assert.deepEqual(found, [...wanted.keys()].sort());
    for (const [path, text] of wanted) assert.equal(this.#rig.read(path), text, path);
  }

  #ran(): readonly string[] {
    const path = join(this.#outside, RAN);
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
  }

  [Symbol.dispose](): void {
    this.#rig[Symbol.dispose]();
    rmSync(this.#outside, {recursive: true, force: true});
  }
}

const said = ({code, signal, stdout, stderr}: Ended): string => `exit ${code ?? signal}\n${stdout}${stderr}`;
const nameOf = ({stage, cell}: Pick<ModelledInstance, 'stage' | 'cell'>): string =>
  `${stage.name}[${labelOf(cell, 0)}]`;
const labelAsWritten = (cell: ModelledInstance['cell']): string =>
  Object.entries(cell)
    .map(([axis, value]) => `${axis}=${String(value)}`)
    .join(',');

/** The plan's instances, of which there are as many as the model has, by id. */
function byId(
  all: readonly RunEvent[],
  model: readonly ModelledInstance[],
): ReadonlyMap<string, ModelledInstance> {
  const found = new Map<string, ModelledInstance>();
  for (const event of all) {
    if (event.type !== 'planned') continue;
    // On the wire, the instances of a plan stand in the event itself.
    const {instances} = event as unknown as {instances: readonly {id: string; stage: string; cell: object}[]};
    assert.equal(instances.length, model.length, 'instances of the plan');
    for (const {id, stage, cell} of instances) {
      const same = model.find(
        each => each.stage.name === stage && labelOf(each.cell, 0) === labelOf({...cell}, 0),
      );
      assert.ok(same !== undefined, `${id} is none of the model's`);
      found.set(id, same);
    }
  }
  return found;
}

function outcomesOf(all: readonly RunEvent[], instances: ReadonlyMap<string, ModelledInstance>): Outcomes {
  const found = new Map<ModelledInstance, {status: string; digests: Record<string, string>}>();
  for (const event of all) {
    const instance = event.type === 'finished' ? instances.get(event.id) : undefined;
    if (event.type !== 'finished' || instance === undefined) continue;
    const {outcome} = event;
    const outputs = 'result' in outcome ? Object.entries(outcome.result.outputs) : [];
    const digests = Object.fromEntries(outputs.map(([name, {digest}]) => [name, String(digest)]));
    found.set(instance, {status: outcome.status, digests});
  }
  return found;
}

function namesIn(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : [];
}

function afterTurns(turns: number, then: () => void): void {
  if (turns === 0) then();
  else setImmediate(() => afterTurns(turns - 1, then));
}
