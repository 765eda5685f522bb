// Random graphs, run by the real runner: order, slots, and what a failure takes with it. And the cache against a model:
// after random edits, what ran is what the model says, and the results are those of a run from an empty cache.

import assert from 'node:assert/strict';
import {readFileSync, rmSync} from 'node:fs';
import {test} from 'node:test';
import fc from 'fast-check';
import type {Ended} from './rig/project-rig.ts';
import {ProjectRig} from './rig/project-rig.ts';

const seed = process.env.FC_SEED === undefined ? {} : {seed: Number(process.env.FC_SEED)};

interface Node {
  /** Indices of earlier nodes. */
  readonly needs: readonly number[];
  readonly isBad: boolean;
  readonly cpus: number;
}

const graphs = fc
  .array(
    fc.record({
      needs: fc.array(fc.nat(1000), {maxLength: 3}),
      isBad: fc.nat(9).map(n => n === 0),
      cpus: fc.integer({min: 1, max: 3}),
    }),
    {minLength: 1, maxLength: 12},
  )
  .map(rows =>
    rows.map(
      ({needs, isBad, cpus}, index): Node => ({
        needs: index === 0 ? [] : [...new Set(needs.map(need => need % index))],
        isBad,
        cpus,
      }),
    ),
  );

/** Each stage notes its start and its end in one file of the project; appends of one short line are atomic. */
function graphText(nodes: readonly Node[]): string {
  const stages = nodes.map(({needs, isBad, cpus}, index) => {
    const inputs = needs.map(need => `i${need}: s${need}`).join(', ');
    const end = `echo "- s${index}" >> trace`;
    const command = `echo "+ s${index}" >> trace; ${isBad ? `${end}; exit 1` : `echo ${index} > "$out_x"; ${end}`}`;
    return `  s${index}: {run: '${command}', in: {${inputs}}, out: {x: x}, resources: {cpus: ${cpus}}, sandbox: project}`;
  });
  return `pipeline: p\nstages:\n${stages.join('\n')}\n`.replaceAll(', in: {}', '');
}

const idOf = (index: number): string => `s${index}`;

test('random graphs: order is kept, slots are never exceeded, exactly the descendants of a failure are skipped', async () => {
  await using rig = new ProjectRig();
  await using session = await rig.open();
  await fc.assert(
    fc.asyncProperty(graphs, fc.integer({min: 1, max: 4}), async (nodes, cpus) => {
      rmSync(rig.path('trace'), {force: true});
      const ended = await session.run(graphText(nodes), {
        machine: {cpus},
        forced: nodes.map((_, index) => idOf(index)),
      });
      const lost = new Set<number>();
      for (const [index, {needs, isBad}] of nodes.entries()) {
        if (isBad || needs.some(need => lost.has(need))) lost.add(index);
      }
      const isTried = (index: number): boolean => nodes[index]?.needs.every(need => !lost.has(need)) ?? false;
      const expected = nodes.map((node, index) =>
        !lost.has(index) ? 'executed' : node.isBad && isTried(index) ? 'failed' : 'skipped',
      );
      assert.deepEqual(
        nodes.map((_, index) => ended.outcome(idOf(index)).status),
        expected,
      );
      checkTrace(rig.read('trace').trim().split('\n'), nodes, cpus);
    }),
    {numRuns: 40, ...seed},
  );
});

function checkTrace(trace: readonly string[], nodes: readonly Node[], cpus: number): void {
  const done = new Set<number>();
  let used = 0;
  for (const line of trace) {
    const index = Number(line.slice(3));
    const node = nodes[index];
    assert.ok(node !== undefined);
    const slots = Math.min(node.cpus, cpus);
    if (line.startsWith('+')) {
      used += slots;
      assert.ok(used <= cpus, `${used} slots in use out of ${cpus}`);
      for (const need of node.needs) assert.ok(done.has(need), `s${index} began before s${need} ended`);
    } else {
      used -= slots;
      done.add(index);
    }
  }
  assert.equal(used, 0);
}

// The model: a stage writes a function of its file, its parameter and its inputs, cut to a few values so that
// different inputs often give equal bytes. A key is what the stage was given; what the model has seen, it knows.

interface Study {
  readonly files: readonly number[];
  readonly params: readonly number[];
}

const shape: ReadonlyArray<readonly number[]> = [[], [], [0], [0, 1], [2, 3], [4, 1], [5]];

type Edit =
  | {readonly what: 'file' | 'param'; readonly at: number; readonly to: number}
  | {readonly what: 'nothing'}
  | {readonly what: 'lose'; readonly at: number};

const edits: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({what: fc.constant('file' as const), at: fc.nat(shape.length - 1), to: fc.nat(3)}),
  fc.record({what: fc.constant('param' as const), at: fc.nat(shape.length - 1), to: fc.nat(3)}),
  fc.record({what: fc.constant('lose' as const), at: fc.nat(shape.length - 1)}),
  fc.constant({what: 'nothing' as const}),
);

/** `ran`: absolute path of a file in which each stage notes that it ran. */
function studyText({params}: Study, ran: string): string {
  const stages = shape.map((needs, index) => {
    const inputs = needs.map(need => `i${need}: s${need}`).join(', ');
    const sum = [`$(cat f${index})`, '$k', ...needs.map(need => `$(cat $in_i${need}/x)`)].join(' + ');
    const command = `echo ${index} >> ${ran}; echo $(( (${sum}) / 2 )) > "$out_x"`;
    return `  s${index}: {run: '${command}', with: {k: ${params[index]}}, files: [f${index}], in: {${inputs}}, out: {x: x}}`;
  });
  return `pipeline: p\nstages:\n${stages.join('\n')}\n`.replaceAll(', in: {}', '');
}

class Model {
  readonly #known = new Map<string, number>();

  /** The indices that run, and what every stage gives. */
  run({files, params}: Study): {readonly ran: number[]; readonly values: number[]} {
    const ran: number[] = [];
    const values: number[] = [];
    for (const [index, needs] of shape.entries()) {
      const given = needs.map(need => values[need] ?? 0);
      const key = JSON.stringify([index, files[index], params[index], given]);
      let value = this.#known.get(key);
      if (value === undefined) {
        const sum = (files[index] ?? 0) + (params[index] ?? 0) + given.reduce((a, b) => a + b, 0);
        value = Math.trunc(sum / 2);
        this.#known.set(key, value);
        ran.push(index);
      }
      values.push(value);
    }
    return {ran, values};
  }

  forget(study: Study, index: number): void {
    const {values} = this.run(study);
    const given = (shape[index] ?? []).map(need => values[need] ?? 0);
    this.#known.delete(JSON.stringify([index, study.files[index], study.params[index], given]));
  }
}

test('the cache does what a small model says, under random edits, and gives what an empty cache gives', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(edits, {minLength: 1, maxLength: 6}), async steps => {
      await using rig = new ProjectRig();
      await using session = await rig.open();
      const model = new Model();
      let study: Study = {files: shape.map(() => 1), params: shape.map(() => 1)};
      let last: Ended | undefined;
      for (const step of [{what: 'nothing' as const}, ...steps]) {
        if (step.what === 'file' || step.what === 'param') {
          const list = step.what === 'file' ? 'files' : 'params';
          study = {...study, [list]: study[list].map((value, at) => (at === step.at ? step.to : value))};
        }
        for (const [index, file] of study.files.entries()) {
          // Written only when it changes, as an editor does.
          if (readOr(rig.path(`f${index}`)) !== `${file}\n`) rig.write(`f${index}`, `${file}\n`);
        }
        rmSync(rig.path('ran'), {force: true});
        const forced = step.what === 'lose' ? [idOf(step.at)] : [];
        if (step.what === 'lose') model.forget(study, step.at);
        const expected = model.run(study);
        last = await session.run(studyText(study, rig.path('ran')), {forced, machine: {cpus: 2}});
        const ran = (readOr(rig.path('ran')) ?? '').split('\n').filter(Boolean).map(Number);
        assert.deepEqual(ran.sort(), expected.ran);
        assert.deepEqual(last.ids('executed'), expected.ran.map(idOf));
      }
      const kept = last?.digests();
      await session.close();
      rmSync(rig.path('cache'), {recursive: true});
      assert.deepEqual((await rig.run(studyText(study, rig.path('ran')))).digests(), kept);
    }),
    {numRuns: 25, ...seed},
  );
});

function readOr(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
