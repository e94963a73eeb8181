// `proto: ./billing.proto` of a service → what travels in its configuration.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { packProto } from '../calls/grpc/compile-proto.ts';
import type { Method, Service, Step, Workflow } from '../workflow/index.ts';
import { walkSteps } from '../workflow/index.ts';

/** `missing`: the workflow names a proto file that is not there. `invalid`: it does not compile. */
export class ProtoFileError extends Error {
  override readonly name = 'ProtoFileError';
  readonly reason: 'missing' | 'invalid';

  constructor(reason: ProtoFileError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Compiles the proto files that a workflow's services name.
 * @param cwd what the workflow's own file name is relative to
 * @returns by service name, for `compile` of shared/compiler
 * @throws ProtoFileError
 */
export function readProtos(workflow: Workflow, cwd: string): { [service: string]: string } {
  const protos: { [service: string]: string } = {};
  for (const service of Object.values(workflow.services)) {
    if (service.schema?.kind === 'proto') protos[service.name] = readProto(service, service.schema.file, workflow, cwd);
  }
  return protos;
}

/**
 * Compiles the proto file of a service. Its path is relative to the workflow file; imports are looked for beside the proto file, then in the
 * folders above it up to the workflow's.
 */
function readProto(service: Service, file: string, workflow: Workflow, cwd: string): string {
  const base = dirname(resolve(cwd, workflow.file));
  const entry = resolve(base, file);
  if (!existsSync(entry)) {
    throw new ProtoFileError(
      'missing',
      `${workflow.file}: service "${service.name}" names the proto file "${file}", and there is no ${entry}. The path is relative to the workflow file.`,
    );
  }
  const roots = rootsOf(entry, base);
  const read = (path: string): string | undefined => {
    const found = path === entry ? entry : roots.map((root) => join(root, path)).find((candidate) => existsSync(candidate));
    return found === undefined ? undefined : readFileSync(found, 'utf8');
  };
  try {
    return packProto(entry, read, { methods: nativeMethods(service.name, workflow) });
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error);
    throw new ProtoFileError('invalid', `${workflow.file}: service "${service.name}": ${told}`);
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
