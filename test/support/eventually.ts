import { vi } from 'vitest';

/** Waits until a check holds, however busy the machine is; its result. @throws what the check last threw, when it never does */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 20_000, interval: 20 });
}
