// Scenario files → checked scenarios, with positions for what is wrong in them.

import { readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import type { Json } from '../../shared/json.ts';
import { CommandError } from '../exit.ts';
import { readBytes } from '../files.ts';
import type { Io } from '../io.ts';
import { type Scenario, scenarioSchema } from './schema.ts';

const SCENARIO_NAME = /\.scenario\.ya?ml$/i;
/** Folders that never hold scenarios of the user's own. */
const PASSED_OVER = new Set(['node_modules', '.git', '.maestro', 'dist']);
/** Bytes. */
const MAX_SCENARIO_BYTES = 1_048_576;
const MAX_INPUT_BYTES = 16_777_216;

/** A scenario that can be run. */
export interface LoadedScenario {
  /** As the person named it, or below the folder that was named. */
  file: string;
  /** The workflow's path, relative to the working directory. */
  workflowFile: string;
  scenario: Scenario;
  input: Json;
}

/**
 * Finds and reads scenario files.
 * @param paths files, or folders that are searched through and through for `*.scenario.yaml`; files are in name order
 * @throws CommandError when a file cannot be read or is no scenario, or a folder has none. All mistakes of a file are told at once.
 */
export function loadScenarios(paths: readonly string[], io: Pick<Io, 'cwd'>): LoadedScenario[] {
  return paths.flatMap((path) => scenarioFiles(path, io)).map((file) => loadScenario(file, io));
}

function scenarioFiles(path: string, io: Pick<Io, 'cwd'>): string[] {
  const full = resolve(io.cwd, path);
  if (!statSync(full, { throwIfNoEntry: false })?.isDirectory()) return [path];
  const found = filesBelow(full).map((file) => relative(io.cwd, file) || file);
  if (found.length > 0) return found;
  throw new CommandError(
    'no_scenarios',
    `${path}: no scenario file (*.scenario.yaml) in this folder or below it. \`maestro init\` writes one to start from.`,
  );
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return PASSED_OVER.has(entry.name) ? [] : filesBelow(path);
    return SCENARIO_NAME.test(entry.name) ? [path] : [];
  });
}

function loadScenario(file: string, io: Pick<Io, 'cwd'>): LoadedScenario {
  const text = new TextDecoder().decode(readBytes(file, io, 'a scenario file (YAML)', MAX_SCENARIO_BYTES));
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [broken] = document.errors;
  if (broken) throw invalid([at(file, lines, broken.pos[0], `not YAML: ${broken.message}`)]);
  const parsed = scenarioSchema.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (!parsed.success) {
    throw invalid(
      parsed.error.issues.map((issue) =>
        at(file, lines, offsetOf(document, issue.path), `${issue.path.join('.') || 'scenario'}: ${issue.message}`),
      ),
    );
  }
  const folder = dirname(file);
  const scenario = parsed.data;
  const input = scenario.input.kind === 'value' ? scenario.input.value : readInput(join(folder, scenario.input.file), io);
  return { file, workflowFile: join(folder, scenario.workflow), scenario, input };
}

function readInput(file: string, io: Pick<Io, 'cwd'>): Json {
  const bytes = readBytes(file, io, 'a JSON file with the input', MAX_INPUT_BYTES);
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Json;
  } catch (error) {
    throw new CommandError(
      'not_json',
      `${file}: this is not JSON (${error instanceof Error ? error.message : String(error)}). It is the input of a scenario.`,
    );
  }
}

/** Where the value at a path stands; the nearest one around it where it is missing. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

function at(file: string, lines: LineCounter, offset: number, message: string): string {
  const { line, col } = lines.linePos(offset);
  return `${file}:${line}:${col}: ${message}`;
}

function invalid(problems: string[]): CommandError {
  return new CommandError(
    'invalid_scenario',
    `${problems.join('\n')}\nWhat a scenario file may hold is told in docs/testing.md.`,
    undefined,
    { problems },
  );
}
