// The commands that faults are put into: what stands before, what is called, and how the next call has to end.

import type {Place} from './place.ts';
import {editPublished, editWords, writeStudy} from './study.ts';

export interface Scenario {
  readonly name: string;
  /** Brings the project to where the command begins. */
  prepare(place: Place): Promise<void>;
  readonly command: readonly string[];
  /** What a person calls next, without a flag more; it has to end with 0. */
  readonly next: readonly string[];
  /** A remark of the user in a published file must not be lost. */
  readonly hasRemark: boolean;
}

const run = ['run'];

async function afterRun(place: Place): Promise<void> {
  writeStudy(place.project);
  await place.must('run');
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'first',
    async prepare(place) {
      writeStudy(place.project);
    },
    command: run,
    next: run,
    hasRemark: false,
  },
  {name: 'no-op', prepare: afterRun, command: run, next: run, hasRemark: false},
  {
    name: 'edit',
    async prepare(place) {
      await afterRun(place);
      editWords(place.project);
    },
    command: run,
    next: run,
    hasRemark: false,
  },
  {
    name: 'publish',
    async prepare(place) {
      await afterRun(place);
      editWords(place.project);
      await place.must('run', 'count');
      editPublished(place.project);
    },
    command: run,
    next: run,
    hasRemark: true,
  },
  {
    name: 'gc',
    async prepare(place) {
      await afterRun(place);
      editWords(place.project);
      await place.must('run');
    },
    command: ['gc', '--force', '--keep-days', '0'],
    next: run,
    hasRemark: false,
  },
  {
    name: 'reproduce',
    prepare: afterRun,
    command: ['reproduce'],
    next: ['reproduce'],
    hasRemark: false,
  },
  {
    name: 'get',
    async prepare(place) {
      await afterRun(place);
      await place.must('get', 'gather', '-o', 'copies');
      editWords(place.project);
      await place.must('run');
    },
    command: ['get', 'gather', '-o', 'copies'],
    next: ['get', 'gather', '-o', 'copies'],
    hasRemark: false,
  },
];
