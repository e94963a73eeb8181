// How handlers are bundled, as plain data: the benchmark and the tests of the bundles make exactly what is deployed.

/** CommonJS packages inside an ES module still call `require` for Node's own modules. */
const REQUIRE_BANNER = "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);";

/**
 * One ES module with everything in it, the AWS SDK too, so that what was tested is what runs. `module` before `main`: packages come as ES modules,
 * of which only what is used is kept, and what is imported dynamically is evaluated when it is first used.
 */
export const BUNDLING = {
  target: 'node24',
  minify: true,
  sourceMap: true,
  sourcesContent: false,
  mainFields: ['module', 'main'],
  banner: REQUIRE_BANNER,
};
