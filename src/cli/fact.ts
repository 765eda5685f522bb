// What `pipe doctor` finds out, one line each.

export interface Fact {
  readonly topic: string;
  readonly name: string;
  readonly state: 'good' | 'absent' | 'bad';
  /** What was found; of something bad, what is missing and the line that mends it. */
  readonly detail: string;
}

export const good = (topic: string, name: string, detail: string): Fact => ({
  topic,
  name,
  state: 'good',
  detail,
});
export const absent = (topic: string, name: string, detail: string): Fact => ({
  topic,
  name,
  state: 'absent',
  detail,
});
export const bad = (topic: string, name: string, detail: string): Fact => ({
  topic,
  name,
  state: 'bad',
  detail,
});
