// Exceptions of the operating system: how they are told from bugs, and what their codes mean to people.

/** True for exceptions of the operating system, which carry a code such as `ENOENT`. */
export const isSystemError = (error: unknown): error is NodeJS.ErrnoException & {readonly code: string} =>
  error instanceof Error &&
  'code' in error &&
  typeof error.code === 'string' &&
  /^E[A-Z0-9]+$/.test(error.code);

/** True where the exception says one of these codes. */
export const hasCode = (error: unknown, ...codes: readonly string[]): boolean =>
  isSystemError(error) && codes.includes(error.code);

/** One sentence for people: where, and what the code means. */
export const describeSystemError = ({
  path,
  code,
  message,
}: NodeJS.ErrnoException & {readonly code: string}): string => {
  const meaning = meaningOf(code);
  return meaning === undefined ? message : path === undefined ? meaning : `${path}: ${meaning}`;
};

/** What a code means and what to do, for people; `undefined` for codes that have no better words than the system's. */
export function meaningOf(code: string): string | undefined {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full; free some space (`pipe gc` shows what the store could give back)';
    case 'EACCES':
    case 'EPERM':
      return 'no permission; check the owner and the mode of the file and of its folder';
    case 'EIO':
      return 'the disk could not be read or written (an input/output error); check the disk and its file system';
    case 'EROFS':
      return 'the file system is read-only';
    case 'EMFILE':
    case 'ENFILE':
      return 'too many open files; raise the limit (`ulimit -n`) or lower `--jobs`';
    case 'ENOENT':
      return 'no such file or folder';
    case 'ENOTDIR':
    case 'EEXIST':
      return 'a file is where a folder should be; move it away';
    case 'ELOOP':
      return 'a loop of symbolic links';
    case 'ENAMETOOLONG':
      return 'the name is too long for the file system';
    default:
      return undefined;
  }
}
