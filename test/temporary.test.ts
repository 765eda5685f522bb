// Temporary outputs: dropped once all that takes them is done, made again when something needs them, and told of rightly.

import assert from 'node:assert/strict';
import {existsSync} from 'node:fs';
import {describe, it} from 'node:test';
import {CliProject} from './rig/cli-project.ts';

const STUDY = `pipeline: study
params: {factors: [1, 2]}
stages:
  draw:
    run: echo draw >> "$PIPE_TEST_LOG"; seq 1 1000 > "$out_numbers"; echo 1000 > "$out_count"
    env: [PIPE_TEST_LOG]
    out: {numbers: numbers.txt, count: count.txt}
    temporary: numbers
  square:
    run: echo square >> "$PIPE_TEST_LOG"; awk '{print $1 * $1}' "$in_draw/numbers.txt" > "$out_squares"
    in: {draw: draw}
    env: [PIPE_TEST_LOG]
    out: {squares: squares.txt}
    temporary: true
  sum:
    run: echo "sum $factor" >> "$PIPE_TEST_LOG"; awk -v f="$factor" '{s += f * $1} END {print s}' "$in_squares" > "$out_sum"
    in: {squares: square.squares}
    matrix: {factor: "\${factors}"}
    env: [PIPE_TEST_LOG]
    out: {sum: sum.txt}
`;

/** A project whose stages write what they are into a file outside of it. */
class Study extends CliProject {
  readonly #log = this.path('ran.log');

  async run(...args: readonly string[]): Promise<string> {
    const {code, stdout, stderr} = await this.ask('run', 'study', ...args);
    if (code !== 0) throw new Error(stdout + stderr);
    return stdout;
  }

  ask(...args: readonly string[]): ReturnType<CliProject['pipe']> {
    return this.start(args, {env: {PIPE_TEST_LOG: this.#log}}).ended;
  }

  /** What ran since the last look, sorted. */
  ran(): string[] {
    if (!existsSync(this.#log)) return [];
    const lines = this.read('ran.log').trim().split('\n');
    this.write('ran.log', '');
    return lines.filter(line => line !== '').sort();
  }
}

describe('temporary outputs', () => {
  it('go when all that takes them is done, and are made again without what is up to date', async () => {
    using study = new Study(STUDY);
    assert.match(await study.run(), /dropped 2 files of temporary outputs/);
    assert.deepEqual(study.ran(), ['draw', 'square', 'sum 1', 'sum 2']);

    assert.match(await study.run(), /nothing to do: 4 cached/);
    assert.deepEqual(study.ran(), []);

    const more = ['--set', 'factors=[1,2,3]'];
    const {stdout: plan} = await study.ask('plan', 'study', ...more);
    assert.match(plan, /draw +runs +the bytes of its temporary output numbers are needed again/);
    assert.match(plan, /square +runs +the bytes of its temporary output squares are needed again/);
    assert.match(await study.run(...more), /3 executed, 2 cached/);
    assert.deepEqual(study.ran(), ['draw', 'square', 'sum 3']);
    // Dropped again: what they hold is nowhere in the store.
    assert.match(await study.run(...more), /nothing to do: 5 cached/);

    const {stdout: shown} = await study.ask('show', 'study', 'draw');
    assert.match(shown, /numbers .* dropped: temporary/);
    assert.doesNotMatch(shown, /count .* dropped/);
    assert.match(
      (await study.ask('why', 'study', 'draw')).stdout,
      /draw is cached[\s\S]*numbers is temporary, and dropped/,
    );
    const got = await study.ask('get', 'study', 'draw', 'numbers');
    assert.equal(got.code, 2);
    assert.match(got.stderr, /error\[dropped-output\][\s\S]*pipe run pipelines\/study.yaml draw/);
    assert.equal((await study.ask('get', 'study', 'draw', 'count')).code, 0);
    assert.match((await study.ask('verify')).stdout, /all as their digests say/);
    assert.match((await study.ask('gc')).stdout, /nothing to remove/);

    // Whoever names an instance wants its bytes; a run of everything drops them again.
    await study.run('draw');
    assert.deepEqual(study.ran(), ['draw']);
    assert.equal((await study.ask('get', 'study', 'draw', 'numbers')).code, 0);
    assert.equal(study.read('numbers.txt').length, 3893);
    assert.match(await study.run(), /dropped 1 file of temporary outputs/);
    assert.deepEqual(study.ran(), []);
  });

  it('stay while something that takes them has no result', async () => {
    using study = new Study(STUDY.replace('{s += f * $1}', '{s += f * $1} f == 2 {exit 3}'));
    const failed = await study.ask('run', 'study');
    assert.equal(failed.code, 1);
    study.ran();
    study.edit('pipelines/study.yaml', ' f == 2 {exit 3}', '');
    await study.run();
    // `draw` is spent and goes; `square` is not, so nothing has to be made again.
    assert.deepEqual(study.ran(), ['sum 1', 'sum 2']);
  });

  it('that other results hold as well stay', async () => {
    const twin = `  twin:
    run: seq 1 1000 > "$out_same"
    out: {same: same.txt}
`;
    using study = new Study(STUDY + twin);
    assert.match(await study.run(), /dropped 1 file of temporary outputs/);
    assert.match(await study.run(), /nothing to do/);
    assert.equal((await study.ask('get', 'study', 'twin', 'same')).code, 0);
  });

  it('that are published, frozen, unknown or read by the plan are mistakes', async () => {
    using study = new Study(`pipeline: study
stages:
  a: {run: 'true', out: {x: x.txt}, temporary: [y], publish: results}
  b: {run: 'true', out: {x: x.json}, temporary: true, frozen: true}
  c: {run: 'true', out: {x: x.json}, temporary: x}
  d: {run: 'true', with: {from: c.x}}
  e: {run: 'true', matrix: {from: c}}
  f: {run: 'true', temporary: 3}
`);
    const {code, stderr} = await study.ask('run', 'study');
    assert.equal(code, 2);
    for (const expected of [
      /unknown-output\]: expected an output of this stage, got 'y'/,
      /temporary-publish\]/,
      /temporary-frozen\]/,
      /temporary-plan-file\]: expected a file that stays, since every plan reads it, got the temporary c\.x\n +--> pipelines\/study.yaml:6:/,
      /temporary-plan-file\][\s\S]*study.yaml:7:/,
      /expected true, or the names of outputs, got the number 3/,
    ]) {
      assert.match(stderr, expected);
    }
  });
});
