import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    // Any test may spawn processes and servers of its own; two workers match the machines that CI runs on.
    maxWorkers: 2,
  },
});
