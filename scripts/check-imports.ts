// Enforces the direction of imports between the rooms and forbids circles. Run by `npm run verify`.
//
//   cli → local → functions → shared;  cli → sdk;  infra → shared (functions by path only);  inside shared: see SHARED. A folder is entered by its `index.ts` where it has one.

import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.join(import.meta.dirname, '..');

/** Room → rooms it may import from (itself always). */
const ROOMS: { [room: string]: string[] } = {
  shared: [],
  functions: ['shared'],
  local: ['functions', 'shared'],
  cli: ['local', 'functions', 'shared', 'sdk'],
  infra: ['shared'],
  sdk: [],
  scripts: ['infra', 'functions', 'shared'],
  examples: [],
};

/** Folder of shared → folders of shared it may import from (itself, and the files directly in shared, always). */
const SHARED: { [folder: string]: string[] } = {
  workflow: ['protocol', 'eventbridge'],
  protocol: [],
  eventbridge: [],
  compiler: ['workflow', 'protocol'],
  store: [],
  calls: ['protocol', 'store'],
  breaker: ['store', 'protocol'],
  runs: ['store', 'protocol', 'calls', 'breaker', 'contract', 'workflow'],
  contract: [],
  audit: ['contract', 'store'],
  keys: ['contract', 'store'],
  orchestrate: ['contract', 'runs', 'audit', 'keys', 'workflow', 'compiler', 'protocol', 'store', 'breaker'],
  triggers: ['workflow', 'orchestrate', 'protocol', 'eventbridge'],
  project: ['workflow', 'calls'],
  observe: ['calls', 'protocol'],
  graph: ['workflow'],
};

const IMPORT = /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s*['"](\.[^'"]+)['"]|import\(\s*['"](\.[^'"]+)['"]\s*\)/g;

const files = globSync('{shared,functions,local,cli,infra,sdk,scripts,examples,bench}/**/*.ts', { cwd: ROOT })
  // Built types of the client's package.
  .filter((file) => !file.startsWith(path.join('sdk', 'dist')))
  .sort();
const graph = new Map<string, { to: string; typeOnly: boolean }[]>();
const problems: string[] = [];

for (const file of files) {
  const text = readFileSync(path.join(ROOT, file), 'utf8');
  const edges: { to: string; typeOnly: boolean }[] = [];
  for (const match of text.matchAll(IMPORT)) {
    const to = path.normalize(path.join(path.dirname(file), match[1] ?? match[2] ?? ''));
    edges.push({ to, typeOnly: /^\s*(?:import|export)\s+type\s/.test(match[0]) });
    check(file, to);
  }
  graph.set(file, edges);
}

function check(from: string, to: string): void {
  const [fromRoom = '', fromFolder = ''] = from.split('/');
  const [toRoom = '', toFolder = ''] = to.split('/');
  if (!existsSync(path.join(ROOT, to))) problems.push(`${from} imports ${to}, which does not exist`);
  if (fromRoom !== toRoom && toRoom.includes('.') === false) {
    const allowed = ROOMS[fromRoom];
    if (allowed && !allowed.includes(toRoom)) problems.push(`${from} imports ${to}: ${fromRoom}/ may not import from ${toRoom}/`);
  } else if (fromRoom === 'shared' && fromFolder !== toFolder && toFolder.includes('.') === false) {
    const allowed = SHARED[fromFolder] ?? [];
    if (!fromFolder.includes('.') && !allowed.includes(toFolder))
      problems.push(`${from} imports ${to}: shared/${fromFolder} may not import from shared/${toFolder}`);
  }
}

/** Circles among value imports (types vanish and cannot make one at run time). */
function circles(): void {
  const state = new Map<string, 'open' | 'done'>();
  const stack: string[] = [];
  const visit = (file: string): void => {
    state.set(file, 'open');
    stack.push(file);
    for (const { to, typeOnly } of graph.get(file) ?? []) {
      if (typeOnly) continue;
      if (state.get(to) === 'open') problems.push(`circle: ${[...stack.slice(stack.indexOf(to)), to].join(' → ')}`);
      else if (!state.has(to) && graph.has(to)) visit(to);
    }
    stack.pop();
    state.set(file, 'done');
  };
  for (const file of graph.keys()) if (!state.has(file)) visit(file);
}

circles();
if (files.length === 0) problems.push('no source files found');
for (const problem of problems) console.error(problem);
console.log(`imports: ${files.length} files, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
