// How handlers are bundled, as esbuild's options: what a synth in the repository bundles, the package holds, and the benchmark and the tests measure
// is made the same way.

import { join } from 'node:path';
import type { BuildOptions } from 'esbuild';

const BUILTINS = join(import.meta.dirname, '..', '..', 'functions', 'aws', 'builtins');

/** CommonJS packages inside an ES module still call `require` for Node's own modules. */
const REQUIRE_BANNER = "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);";

/**
 * One ES module with everything in it, the AWS SDK too, so that what was tested is what runs. `module` before `main`: packages come as ES modules,
 * of which only what is used is kept, and what is imported dynamically is evaluated when it is first used.
 */
export const BUNDLING = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  minify: true,
  sourcemap: true,
  sourcesContent: false,
  mainFields: ['module', 'main'],
  banner: { js: REQUIRE_BANNER },
  /** Modules of Node's that take long to load the usual way. */
  alias: { 'node:http': join(BUILTINS, 'http.cjs'), 'node:https': join(BUILTINS, 'https.cjs') },
  logLevel: 'warning',
} satisfies BuildOptions;
