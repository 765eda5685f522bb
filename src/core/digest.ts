// SHA-256 digests. JSON is digested with a tag in front, so that values of different kinds never collide.

import {hash} from 'node:crypto';
import {canonicalJson, type Json} from './json.ts';

/** 64 lower-case hex digits of SHA-256. */
export type Digest = string & {readonly __digest: never};

/** What a tagged digest speaks of; part of the digested text. */
export type DigestTag =
  | 'action'
  | 'bundle'
  | 'declaration'
  | 'files'
  | 'folder'
  | 'outputs'
  | 'plan'
  | 'project'
  | 'publication'
  | 'python'
  | 'variable';

export const digestBytes = (bytes: string | Uint8Array): Digest => hash('sha256', bytes, 'hex') as Digest;

/** What a tagged digest is the digest of. */
export const taggedJson = (tag: DigestTag, value: Json): string => `pipe:${tag}:1\n${canonicalJson(value)}`;

export const digestJson = (tag: DigestTag, value: Json): Digest => digestBytes(taggedJson(tag, value));

export const isDigest = (text: string): text is Digest => /^[0-9a-f]{64}$/.test(text);

/** Enough of a digest for people to tell two apart; never parsed. */
export const shortDigest = (digest: string): string => digest.slice(0, 10);
