// What a task was seen to read, run and reach that it was not given: the answer of `pipe run --audit`, as plain data.

export interface Audit {
  /** Files of the project outside of the input root, relative to the project. */
  readonly project: readonly string[];
  /** Files that the project has, and that the task looked for where only declared ones are; relative to the project. */
  readonly missed: readonly string[];
  /** Files of the home, of temporary folders and of whatever else is nobody's library. */
  readonly files: readonly string[];
  /** What tells of this machine: `/etc`, `/proc`, `/sys`, devices. */
  readonly machine: readonly string[];
  /** Files that were written outside of the task's own folder. */
  readonly written: readonly string[];
  readonly network: readonly string[];
  readonly programs: readonly string[];
  readonly libraries: readonly {readonly folder: string; readonly files: number}[];
  /** How often the clock was asked through the kernel, which it seldom is. */
  readonly clock: number;
  /** Entries that the lists leave off. */
  readonly more: number;
}

/** Without what an action declares: a task that works in the project reads it there. */
export const withoutDeclared = (audit: Audit, declared: Iterable<string>): Audit => {
  const known = new Set(declared);
  return {...audit, project: audit.project.filter(path => !known.has(path))};
};

/** True where there is nothing that another machine or another day would give otherwise, as far as can be seen. */
export const isClosed = ({project, missed, files, written, network}: Audit): boolean =>
  project.length + missed.length + files.length + written.length + network.length === 0;
