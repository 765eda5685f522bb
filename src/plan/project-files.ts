// What planning asks of the file system. The port is here; the command line answers from the disk, and remembers what
// was asked, so that a kept plan is made anew when an answer changes.

export interface ProjectFiles {
  /** Whether a path, relative to the project, exists. */
  exists(path: string): boolean;
  /** Whether there is a file at a path. */
  isFile(path: string): boolean;
  /** Whether a glob matches anything. */
  matches(glob: string): boolean;
}
