// Chance and names, from the machine.

import { randomBytes, randomUUID } from 'node:crypto';
import { monotonicFactory } from 'ulid';
import type { ServiceIds } from '../../shared/orchestrate/ports.ts';

export function systemIds(): ServiceIds & { instance(): string } {
  const ulid = monotonicFactory();
  return {
    id: (prefix) => `${prefix}_${ulid()}`,
    secret: () => randomBytes(24).toString('base64url'),
    instance: () => randomUUID(),
  };
}
