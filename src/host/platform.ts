// What of this machine can change the bits that a numerical library computes: it stands in keys, so it is a few words,
// and the same for all machines that give the same bits.

import {closeSync, openSync, readSync} from 'node:fs';

/** Widest first; a library takes the widest that it knows. By the kernel's names for what the processor can do. */
const X86 = ['avx512f', 'avx2', 'avx', 'sse4_2'] as const;
const ARM = ['sve', 'asimd'] as const;
/** All that can stand in a key. */
export const VECTORS: readonly string[] = [...X86, ...ARM];
/** The flags stand with the first processor; the file itself has one block for each. Bytes. */
const READ = 16 * 1024;

export interface OwnPlatform {
  readonly os: string;
  readonly arch: string;
  /** The widest vector extension of the processor; `null` where the system does not tell. */
  readonly vector: string | null;
}

let own: OwnPlatform | undefined;

export function ownPlatform(): OwnPlatform {
  own ??= {os: process.platform, arch: process.arch, vector: vectorOf(readCpuInfo())};
  return own;
}

/** The widest vector extension that a `/proc/cpuinfo` tells of. */
export function vectorOf(cpuInfo: string): string | null {
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuInfo)?.[1] ?? '';
  const flags = new Set(line.trim().split(/\s+/));
  return VECTORS.find(flag => flags.has(flag)) ?? null;
}

function readCpuInfo(): string {
  try {
    const file = openSync('/proc/cpuinfo', 'r');
    try {
      const bytes = Buffer.alloc(READ);
      return bytes.toString('latin1', 0, readSync(file, bytes, 0, READ, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}
