// Many small questions to one server, a few at a time, until one of them fails.

import type {Result} from '../../core/result.ts';

/** The first error, or `undefined` when all questions were answered. Nothing new is asked after an error. */
export async function answersOf<T, E>(
  items: readonly T[],
  most: number,
  ask: (item: T) => Promise<Result<void, E>>,
): Promise<E | undefined> {
  const {default: PQueue} = await import('p-queue');
  const queue = new PQueue({concurrency: most});
  let failed: E | undefined;
  await queue.addAll(
    items.map(item => async () => {
      if (failed !== undefined) return;
      const answer = await ask(item);
      if (!answer.ok) failed ??= answer.error;
    }),
  );
  return failed;
}
