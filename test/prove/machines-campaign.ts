// A study on other machines whose coordinator is killed again and again at random moments, as are the servers and the
// workers of its engine: in the end every instance was made, once unless whoever made it was killed, and the table has
// the bytes of a local run.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {CliProject} from '../rig/cli-project.ts';
import type {Field} from './fields.ts';

export interface Campaign {
  readonly field: Field;
  /** Everything that is random follows from it, but not what the machine makes of it. */
  readonly seed: number;
  /** How often the coordinator is killed, and what the field names, by name. */
  readonly counts: Readonly<Record<string, number>>;
  /** No round begins after so many seconds; `null`: until everything was struck. */
  readonly seconds: number | null;
  readonly report: (line: string) => void;
}

export const COORDINATOR = 'coordinator';
const CELLS = 8;
/** The longest time until a blow: about as long as a round takes on an idle machine. Milliseconds. */
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

export interface Tally {
  readonly rounds: number;
  /** What was struck, by name. */
  readonly struck: Readonly<Record<string, number>>;
  /** Instances that were made again because whoever had made them was killed. */
  readonly again: number;
}

/** Throws what is not as it should be. */
export async function attack({field, seed, counts, seconds, report}: Campaign): Promise<Tally> {
  const random = randomOf(seed);
  const left = new Map(Object.entries(counts).filter(([, count]) => count > 0));
  const here = new CliProject();
  const there = new CliProject();
  try {
    here.write('pipelines/study.yaml', studyOf('/dev/null'));
    there.write('pipelines/study.yaml', studyOf(there.path('made')));
    there.write('pipe.config.yaml', field.settings);
    const ends = seconds === null ? Number.POSITIVE_INFINITY : performance.now() + seconds * 1000;
    const all: Record<string, number> = {};
    let [rounds, again] = [0, 0];
    while (left.size > 0 && performance.now() < ends) {
      rounds++;
      const where = `seed ${seed}, round ${rounds}`;
      there.write('made', '');
      const struck = await round(there, field, ['run', 'study', '--set', `round=${rounds}`], left, random);
      const lines = readFileSync(there.path('made'), 'utf8').trim().split('\n').sort();
      const repeats = lines.length - new Set(lines).size;
      const allowed = struck.filter(name => field.blows.find(blow => blow.name === name)?.mayRepeat).length;
      assert.ok(
        repeats <= allowed * field.width,
        `${where}: made twice after ${struck.join(', ')}:\n${lines.join('\n')}`,
      );
      assert.equal(new Set(lines).size, 2 * CELLS + 1, `${where}: nothing is lost`);
      await here.expect(0, 'run', 'study', '--set', `round=${rounds}`);
      const table = 'results/study/table.txt';
      assert.equal(there.read(table), here.read(table), `${where}: the bytes of a local run`);
      again += repeats;
      for (const name of struck) all[name] = (all[name] ?? 0) + 1;
      const togo = [...left].map(([name, count]) => `${count} ${name}`).join(', ');
      report(
        `round ${rounds}: struck ${struck.join(', ') || 'nothing'}; ${repeats} made again; to go: ${togo || 'nothing'}`,
      );
    }
    return {rounds, struck: all, again};
  } finally {
    here[Symbol.dispose]();
    there[Symbol.dispose]();
  }
}

/** Runs until a run ends well; answers what was struck meanwhile. */
async function round(
  project: CliProject,
  field: Field,
  args: readonly string[],
  left: Map<string, number>,
  random: () => number,
): Promise<readonly string[]> {
  const struck: string[] = [];
  for (;;) {
    const running = project.start(args, {env: field.env});
    let isKilled = false;
    while (!isKilled && left.size > 0) {
      const isOver = await Promise.race([running.ended.then(() => true), sleep(random() * LONGEST_MS)]);
      if (isOver) break;
      const name = draw(left, random);
      struck.push(name);
      isKilled = name === COORDINATOR;
      if (isKilled) running.kill('SIGKILL');
      else await field.blows.find(blow => blow.name === name)?.strike(random);
    }
    const {code, stdout, stderr} = await running.ended;
    if (isKilled && code === null) continue;
    assert.equal(code, 0, `after ${struck.join(', ')}:\n${stdout}${stderr}`);
    return struck;
  }
}

/** Takes one of what is left, the more often the more there is of it. */
function draw(left: Map<string, number>, random: () => number): string {
  const all = [...left].flatMap(([name, count]) => Array.from({length: count}, () => name));
  const name = all[Math.floor(random() * all.length)] ?? COORDINATOR;
  const rest = (left.get(name) ?? 1) - 1;
  if (rest === 0) left.delete(name);
  else left.set(name, rest);
  return name;
}

/** Numbers below 1: a multiplicative generator modulo 2^31 - 1 (Park and Miller, 1988). */
function randomOf(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
