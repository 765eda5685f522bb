// What the modification time of a blob says: that nobody has touched it, and whether an fsync vouches for its bytes. It is
// 2001-01-01, to the second, for all of them, so that programs which note the times of their inputs (`tar`) note the same
// everywhere; the fraction of that second is 0 where the bytes are on the disk for sure, else it tells in which boot they
// were written: within that boot everybody reads them as they were written, and after it a power cut may have come between.

import {ownIdentity} from '../../host/process-identity.ts';

/** Seconds since the epoch. */
export const sureStamp = 978_307_200;
/** Fractions are told apart in steps of this many microseconds: some file systems and some clocks are not finer. */
const STEP = 10;
const STEPS = 1_000_000 / STEP;

let own: number | undefined;

/** What a blob carries that was written in this boot and never synced. Seconds since the epoch. */
export const unsureStamp = (): number => sureStamp + (stepOfBoot() * STEP + STEP / 2) / 1_000_000;

/** From 1: 0 means what is sure. */
function stepOfBoot(): number {
  own ??= 1 + (Number.parseInt(ownIdentity().boot, 16) % (STEPS - 1));
  return own;
}

/** `mtimeMs`, as `stat` gives it, is that of a blob that needs no look at its bytes. */
export const isUntouched = (mtimeMs: number): boolean => isSure(mtimeMs) || stepOf(mtimeMs) === stepOfBoot();

export const isSure = (mtimeMs: number): boolean => mtimeMs === sureStamp * 1000;

/** The blob was written in another boot, and nobody knows whether it has reached the disk. */
export const isUnsureSinceBoot = (mtimeMs: number): boolean =>
  stepOf(mtimeMs) !== undefined && !isUntouched(mtimeMs);

/** In the middle of a step, where no clock and no rounding to milliseconds puts a file that somebody touched. */
function stepOf(mtimeMs: number): number | undefined {
  const microseconds = Math.round((mtimeMs - sureStamp * 1000) * 1000);
  const step = Math.floor(microseconds / STEP);
  const isMiddle = Math.abs((microseconds % STEP) - STEP / 2) <= 3;
  return isMiddle && step >= 0 && step < STEPS ? step : undefined;
}
