// Makes in dist/ what the package holds beside the command line: the functions' bundles, so that a synth needs neither esbuild nor Docker, and the
// declarations of the construct. `npm pack` runs it.

import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { BUNDLING } from '../infra/constructs/bundling.ts';
import { compileDeclarations, withoutSources } from './declarations.ts';

const ROOT = path.join(import.meta.dirname, '..');
const DIST = path.join(ROOT, 'dist');

/** What declarations may import: the app has it, for it is a CDK app. */
const PEERS = /^(?:aws-cdk-lib|constructs)(?:\/|$)/;
const IMPORTED = /(?:from |import\()['"]([^'"]+)['"]/g;

buildAnew();
await bundleFunctions();
writeDeclarations();

/** A package holds one build: chunks of earlier ones, which a build leaves for processes that run, go. */
function buildAnew(): void {
  const begunMs = Date.now();
  const { status } = spawnSync(process.execPath, [path.join(ROOT, 'scripts', 'build.ts')], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
  for (const entry of readdirSync(DIST, { withFileTypes: true })) {
    const file = path.join(DIST, entry.name);
    if (entry.isFile() && statSync(file).mtimeMs < begunMs) rmSync(file);
  }
}

async function bundleFunctions(): Promise<void> {
  const folder = path.join(DIST, 'functions');
  rmSync(folder, { recursive: true, force: true });
  const handlers = globSync('functions/*/handler.ts', { cwd: ROOT });
  await Promise.all(
    handlers.map((handler) =>
      build({
        ...BUNDLING,
        absWorkingDir: ROOT,
        entryPoints: [handler],
        outfile: path.join(folder, path.basename(path.dirname(handler)), 'index.mjs'),
      }),
    ),
  );
}

/** Those that the public door reaches, and no others. */
function writeDeclarations(): void {
  const compiled = path.join(DIST, '.types');
  for (const old of ['.types', ...globSync('infra/**/*.d.ts', { cwd: DIST })])
    rmSync(path.join(DIST, old), { recursive: true, force: true });
  compileDeclarations('infra', compiled);
  const names = ['infra/index.d.ts'];
  for (const name of names) {
    const text = readFileSync(path.join(compiled, name), 'utf8');
    for (const [, imported = ''] of text.matchAll(IMPORTED)) names.push(...declarationOf(imported, name, names));
    const file = path.join(DIST, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, withoutSources(text));
  }
  rmSync(compiled, { recursive: true });
}

/** The declaration that is imported, unless it is CDK's or among the `known`. */
function declarationOf(imported: string, from: string, known: readonly string[]): string[] {
  if (PEERS.test(imported)) return [];
  const name = path.posix.join(path.posix.dirname(from), imported.replace(/\.ts$/, '.d.ts'));
  if (imported.startsWith('.') && name.startsWith('infra/')) return known.includes(name) ? [] : [name];
  console.error(
    `${from}: it imports "${imported}"; the package's declarations may import each other, aws-cdk-lib and constructs. Types of the public door stand in infra/public-types.ts.`,
  );
  process.exit(1);
}
