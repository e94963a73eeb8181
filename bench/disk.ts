// What a flush costs in the folder that the contestants write to: without it, durable numbers say nothing.

import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { percentile } from './statistics.ts';

const FLUSHES = 200;
/** Bytes of one append: about a small journal entry. */
const BLOCK = Buffer.alloc(512, 1);

/** Median ms of an append of 512 bytes with fdatasync. */
export async function flushMs(folder: string, now: () => number): Promise<number> {
  const path = join(folder, 'flush-probe');
  const file = await open(path, 'w');
  const taken: number[] = [];
  try {
    for (let index = 0; index < FLUSHES; index++) {
      await file.write(BLOCK);
      const began = now();
      await file.datasync();
      taken.push(now() - began);
    }
  } finally {
    await file.close();
    await rm(path);
  }
  return percentile(
    taken.sort((a, b) => a - b),
    0.5,
  );
}
