// A study on a Slurm cluster whose coordinator is killed again and again at random moments, and whose controller is: in the
// end every instance was made once, none is lost, and the table has the bytes of a local run.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {CliProject} from '../rig/cli-project.ts';
import type {SlurmCluster} from '../rig/slurm.ts';

export interface Campaign {
  readonly cluster: SlurmCluster;
  /** Everything that is random follows from it. */
  readonly seed: number;
  /** How often the coordinator is killed, and the controller. */
  readonly kills: number;
  readonly controllers: number;
  readonly report: (line: string) => void;
}

const CELLS = 8;
/** The longest time until a kill: about as long as a round takes on an idle machine. Milliseconds. */
const LONGEST_MS = 9_000;

/**
 * Each instance leaves a line when it has been made: one that a restarted controller takes away before begins anew, and
 * that is no fault. What it gives does not tell where or when.
 */
const studyOf = (made: string): string => `
pipeline: study
params: {round: 0}
stages:
  draw:
    run: sleep 0.2; echo "$seed $round" > "$out_n"; echo "draw $seed $round" >> ${made}
    with: {round: "\${round}"}
    matrix: {seed: [${Array.from({length: CELLS}, (_, n) => n).join(', ')}]}
    out: {n: n.txt}
  twice:
    run: sleep 0.2; cat "$in_n" "$in_n" > "$out_n"; echo "twice $(cat "$in_n")" >> ${made}
    in: {n: draw.n}
    out: {n: n.txt}
  table:
    run: cat "$in_runs"/*.txt | sort > "$out_table"; echo "table $round" >> ${made}
    with: {round: "\${round}"}
    in: {runs: {each: twice.n}}
    out: {table: table.txt}
    publish: results/study
`;

/** Answers how many rounds it took. Throws what is not as it should be. */
export async function attack({cluster, seed, kills, controllers, report}: Campaign): Promise<number> {
  const random = randomOf(seed);
  const here = new CliProject();
  const there = new CliProject();
  try {
    here.write('pipelines/study.yaml', studyOf('/dev/null'));
    const made = there.path('made');
    there.write('pipelines/study.yaml', studyOf(made));
    there.write('pipe.config.yaml', 'executor: {kind: slurm, pilots: 3, idle: 5, minutes: 10}\n');
    let [killed, down, round] = [0, 0, 0];
    while (killed < kills || down < controllers) {
      round++;
      there.write('made', '');
      const args = ['run', 'study', '--set', `round=${round}`];
      for (let isOver = false; !isOver; ) {
        const running = there.start(args, {env: cluster.env});
        const after = random() * LONGEST_MS;
        const takesController = down < controllers && (killed >= kills || random() < 0.3);
        const first = await Promise.race([running.ended, sleep(after)]);
        if (first !== undefined) {
          assert.equal(first.code, 0, first.stdout + first.stderr);
          isOver = true;
        } else if (takesController) {
          await cluster.killController();
          down++;
          await sleep(random() * 3_000);
          await cluster.startController();
          const {code, stdout, stderr} = await running.ended;
          assert.equal(code, 0, stdout + stderr);
          isOver = true;
        } else if (killed < kills) {
          running.kill('SIGKILL');
          killed++;
          await running.ended;
        } else {
          const {code, stdout, stderr} = await running.ended;
          assert.equal(code, 0, stdout + stderr);
          isOver = true;
        }
      }
      const lines = readFileSync(made, 'utf8').trim().split('\n').sort();
      assert.deepEqual(lines, [...new Set(lines)], `seed ${seed}, round ${round}: nothing is made twice`);
      assert.equal(lines.length, 2 * CELLS + 1, `seed ${seed}, round ${round}: nothing is lost`);
      await here.expect(0, ...args);
      assert.equal(
        there.read('results/study/table.txt'),
        here.read('results/study/table.txt'),
        `seed ${seed}, round ${round}: the bytes of a local run`,
      );
      report(`round ${round}: coordinator killed ${killed} times, controller ${down}`);
    }
    return round;
  } finally {
    await cluster.clear();
    here[Symbol.dispose]();
    there[Symbol.dispose]();
  }
}

/** Numbers below 1: a multiplicative generator modulo 2^31 - 1 (Park and Miller, 1988). */
function randomOf(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
