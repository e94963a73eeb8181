// Chance, from the machine. Everything else takes it as a parameter.

import { randomBytes, randomUUID } from 'node:crypto';
import { monotonicFactory } from 'ulid';

export interface RuntimeIds {
  uuid(): string;
  /** 0 ≤ n < 1. */
  random(): number;
  /** `run_` and a ULID of the time given (epoch ms). */
  runId(nowMs: number): string;
  /** URL-safe, 128 bits or more, without dots. */
  secret(): string;
}

export function systemIds(): RuntimeIds {
  const ulid = monotonicFactory();
  return {
    uuid: () => randomUUID(),
    random: () => Math.random(),
    runId: (nowMs) => `run_${ulid(nowMs)}`,
    secret: () => randomBytes(24).toString('base64url'),
  };
}
