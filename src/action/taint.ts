// Which results a damaged blob may have spoilt: those of actions that read it. Whoever consumed what these made is not
// among them, since its key names the bytes that it was given, wrong or not.

import type {Digest} from '../core/digest.ts';
import {type Action, type Artifact, type Fingerprint, trackedFilesOf} from './action.ts';

/** Every blob below an artifact, its own included; empty for one that cannot be read. */
export type ContentsOf = (artifact: Artifact) => Iterable<Digest>;

/** Every blob that the task of an action is given. */
export function* blobsReadBy(action: Action, contentsOf: ContentsOf): Generator<Digest, void> {
  for (const input of Object.values(action.inputs)) {
    for (const {outputs} of input.kind === 'one' ? [input.content] : input.contents) {
      for (const {artifact} of Object.values(outputs)) {
        yield artifact.digest;
        yield* contentsOf(artifact);
      }
    }
  }
  for (const {digest} of Object.values(trackedFilesOf(action))) yield digest;
}

/** The actions that read one of `damaged`, in the order of `actions`. */
export function taintedBy(
  damaged: ReadonlySet<Digest>,
  actions: Iterable<readonly [Fingerprint, Action]>,
  contentsOf: ContentsOf,
): Fingerprint[] {
  const tainted: Fingerprint[] = [];
  for (const [fingerprint, action] of actions) {
    for (const digest of blobsReadBy(action, contentsOf)) {
      if (!damaged.has(digest)) continue;
      tainted.push(fingerprint);
      break;
    }
  }
  return tainted;
}
