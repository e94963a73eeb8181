// `proto: ./billing.proto` of a service → what travels in its configuration. Loaded only for workflows that name such a file.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { compileProto } from '../shared/calls/index.ts';
import type { Method, Service, Step, Workflow } from '../shared/workflow/index.ts';
import { walkSteps } from '../shared/workflow/index.ts';
import { CommandError } from './exit.ts';
import type { Io } from './io.ts';

/**
 * Compiles the proto file of a service. Its path is relative to the workflow file; imports are looked for beside the proto file, then in the
 * folders above it up to the workflow's.
 * @throws CommandError naming the file and what is wrong in it
 */
export async function readProto(service: Service, file: string, workflow: Workflow, io: Pick<Io, 'cwd'>): Promise<string> {
  const base = dirname(resolve(io.cwd, workflow.file));
  const entry = resolve(base, file);
  if (!existsSync(entry)) {
    throw new CommandError(
      'file',
      `${workflow.file}: service "${service.name}" names the proto file "${file}", and there is no ${entry}. The path is relative to the workflow file.`,
    );
  }
  const roots = rootsOf(entry, base);
  const read = (path: string): string | undefined => {
    const found = path === entry ? entry : roots.map((root) => join(root, path)).find((candidate) => existsSync(candidate));
    return found === undefined ? undefined : readFileSync(found, 'utf8');
  };
  try {
    return await compileProto(entry, read, { methods: nativeMethods(service.name, workflow) });
  } catch (error) {
    throw new CommandError(
      'proto',
      `${workflow.file}: service "${service.name}": ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** The proto file's folder and those above it, as far as the workflow's. */
function rootsOf(entry: string, base: string): string[] {
  const roots = [];
  for (let folder = dirname(entry); ; folder = dirname(folder)) {
    roots.push(folder);
    if (folder === base || folder === dirname(folder) || !folder.startsWith(base)) break;
  }
  return roots.includes(base) ? roots : [...roots, base];
}

/** The methods of a service that the workflow calls by their full names. */
function nativeMethods(service: string, workflow: Workflow): string[] {
  const names = new Set<string>();
  const add = (method: Method | null): void => {
    const text = method?.text.every((part) => typeof part === 'string') ? method.text.join('') : '';
    if (text.includes('/')) names.add(text.replace(/^\//, ''));
  };
  walkSteps(workflow.steps, (step: Step) => {
    if (step.kind === 'call' && step.service === service) add(step.method);
    if ('compensate' in step && step.compensate?.service === service) add(step.compensate.method);
  });
  return [...names];
}
