// Bundles the command line into dist/: one small entry, and a chunk per command and heavy library, so that `maestro validate` never reads
// the engine, gRPC or an AWS client. Beside it, as one module, the construct that CDK apps import. Also puts `maestro` into
// node_modules/.bin: with a `bin` in package.json `npx maestro` would install this clone into npm's own folder before it starts.

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';

const root = join(import.meta.dirname, '..');

const ENTRY = 'cli.js';

/** Chunks of an earlier build stay this long: a process that began with them may still load one. */
const STALE_MS = 10 * 60_000;

/** CommonJS packages inside an ES module bundle still call `require` for Node's own modules. */
const REQUIRE_BANNER = `import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);`;

/**
 * `await import('package')` of a CommonJS package has only a default export once it is a chunk of its own. Each such import goes to a
 * module that names the package's exports, as Node itself does when it imports the package.
 */
const namedExports: Plugin = {
  name: 'named-exports',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[@a-z]/ }, ({ kind, path, importer, resolveDir }) =>
      kind === 'dynamic-import' && !path.startsWith('node:') && !importer.includes('node_modules')
        ? { path, namespace: 'named-exports', pluginData: { resolveDir } }
        : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'named-exports' }, async ({ path, pluginData }) => {
      const exported: object = await import(path);
      const names = Object.keys(exported).filter((name) => /^[A-Za-z_$][\w$]*$/.test(name) && name !== 'default');
      const contents = [
        `import * as all from ${JSON.stringify(path)};`,
        ...names.map((name) => `const ${name}_ = all.${name}; export { ${name}_ as ${name} };`),
        'default' in exported ? 'export default all.default;' : '',
      ].join('\n');
      return { contents, resolveDir: pluginData.resolveDir };
    });
  },
};

const OPTIONS = {
  absWorkingDir: root,
  write: false,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  banner: { js: REQUIRE_BANNER },
  // Names of errors and functions are part of what people read in messages.
  keepNames: true,
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
} satisfies BuildOptions;

await Promise.all([bundleCommand(), bundleConstruct()]);
linkCommand();

async function bundleCommand(): Promise<void> {
  const { outputFiles } = await build({
    ...OPTIONS,
    entryPoints: { cli: 'cli/main.ts' },
    outdir: 'dist',
    chunkNames: '[name]-[hash]',
    splitting: true,
    plugins: [namedExports],
  });
  writeAll(outputFiles.map(({ path, contents }) => ({ name: basename(path), contents })));
}

/** CDK's own classes are those of the app: two copies of them do not know each other. */
async function bundleConstruct(): Promise<void> {
  const { outputFiles } = await build({
    ...OPTIONS,
    entryPoints: ['infra/index.ts'],
    outfile: 'dist/infra/index.js',
    external: ['aws-cdk-lib', 'constructs'],
  });
  for (const { path, contents } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    replace(path, contents);
  }
}

/** Replaces the build without a moment in which it is broken: chunks have their hash in the name, and the entry that names them comes last. */
function writeAll(files: { name: string; contents: Uint8Array }[]): void {
  const folder = join(root, 'dist');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n');
  const written = new Set(['package.json']);
  for (const { name, contents } of files.toSorted((a, b) => Number(a.name === ENTRY) - Number(b.name === ENTRY))) {
    replace(join(folder, name), contents);
    written.add(name);
  }
  const oldMs = Date.now() - STALE_MS;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const { mtimeMs, isFile } = { mtimeMs: statSync(path).mtimeMs, isFile: statSync(path).isFile() };
    if (isFile && !written.has(name) && mtimeMs < oldMs) rmSync(path);
  }
}

/** Whoever reads the file meanwhile has the old one or the new one. */
function replace(file: string, contents: Uint8Array): void {
  const temporary = join(dirname(file), `.${basename(file)}.${process.pid}`);
  writeFileSync(temporary, contents);
  renameSync(temporary, file);
}

function linkCommand(): void {
  chmodSync(join(root, 'bin', 'maestro.js'), 0o755);
  const folder = join(root, 'node_modules', '.bin');
  if (!existsSync(join(root, 'node_modules'))) return;
  mkdirSync(folder, { recursive: true });
  if (process.platform === 'win32') {
    writeFileSync(join(folder, 'maestro.cmd'), '@node "%~dp0\\..\\..\\bin\\maestro.js" %*\r\n');
    return;
  }
  const link = join(folder, 'maestro');
  const target = join('..', '..', 'bin', 'maestro.js');
  const there = lstatSync(link, { throwIfNoEntry: false });
  if (there?.isSymbolicLink() && readlinkSync(link) === target) return;
  rmSync(link, { force: true });
  symlinkSync(target, link);
}
