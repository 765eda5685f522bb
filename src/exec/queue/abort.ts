// Waiting that an abort ends.

/** What `work` gives, or `undefined` as soon as `signal` aborts; `work` goes on by itself. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  let stop = (): void => {};
  const aborted = new Promise<undefined>(resolve => {
    stop = () => resolve(undefined);
  });
  signal.addEventListener('abort', stop, {once: true});
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
