// The workflows of this process: those of files that are watched, and those that the API deployed.
//
//   C1. A workflow of a watched file is changed in its file: the API neither replaces nor removes it.
//   C2. What the API deployed is in the data folder before it is answered, and is there after a restart.

import { ApiError } from '../../shared/contract/index.ts';
import { compileText } from '../../shared/orchestrate/compile-text.ts';
import type { Catalog, CatalogEntry } from '../../shared/orchestrate/ports.ts';
import { machineArn, type Registration, type Registry, registrationOf, undoMachineName } from '../runtime/index.ts';
import type { WorkflowFiles } from './workflow-files.ts';

export interface LocalCatalog extends Required<Catalog> {
  /** Registers what an earlier process deployed. Answers what is wrong with files that no longer compile; they are left as they are. */
  restore(): Promise<{ name: string; message: string }[]>;
}

export interface LocalCatalogOptions {
  registry: Registry;
  files: WorkflowFiles;
  /** Told after a workflow was deployed or removed. */
  onChange?: () => void;
}

export function createLocalCatalog({ registry, files, onChange }: LocalCatalogOptions): LocalCatalog {
  /** Registrations that the API made; a watched file of the same name puts another one in its place. */
  const deployed = new Map<string, Registration>();

  function byApi(name: string): boolean {
    const registration = deployed.get(name);
    return registration !== undefined && registry.find(name) === registration;
  }

  async function register(text: string): Promise<Registration> {
    const { workflow, compiled } = await compileText(text, async (name) => registry.find(name)?.source ?? null);
    const registration = registrationOf(workflow, compiled, text);
    const known = registry.find(workflow.name);
    if (known && !byApi(workflow.name)) {
      if (known.source === text) return known;
      throw new ApiError('conflict', `workflow ${workflow.name}: it comes from a file that is watched here; change that file instead`);
    }
    await files.write(workflow.name, text);
    await registry.register(registration);
    deployed.set(workflow.name, registry.find(workflow.name) ?? registration);
    return registration;
  }

  return {
    async find(name) {
      const registration = registry.find(name);
      return registration && entryOf(registration);
    },
    list: async () => registry.list().map(entryOf),
    async nameOf(arn) {
      const [name] = arn.split(':').slice(6);
      return name !== undefined && !name.endsWith('-undo') && registry.isWorkflow(machineArn(name)) ? name : undefined;
    },
    async deploy(text) {
      const entry = entryOf(await register(text));
      onChange?.();
      return entry;
    },
    async remove(name) {
      if (!registry.find(name)) return false;
      if (!byApi(name))
        throw new ApiError('conflict', `workflow ${name}: it comes from a file that is watched here; remove that file instead`);
      files.remove(name);
      deployed.delete(name);
      registry.forget(name);
      onChange?.();
      return true;
    },
    async restore() {
      let left = [...files.read()];
      // Those that others run first: whatever fails is tried again as long as something new has come.
      for (;;) {
        const failed: typeof left = [];
        const problems: { name: string; message: string }[] = [];
        for (const [name, text] of left) {
          try {
            await register(text);
          } catch (error) {
            failed.push([name, text]);
            problems.push({ name, message: error instanceof Error ? error.message : String(error) });
          }
        }
        if (failed.length === 0 || failed.length === left.length) return problems;
        left = failed;
      }
    },
  };
}

function entryOf(registration: Registration): CatalogEntry {
  const { name, version, execution, timeoutMs, inputPaths, undoDefinition } = registration;
  const arn = machineArn(name);
  return {
    name,
    version,
    description: registration.description ?? null,
    execution,
    timeoutMs,
    input: registration.input ?? null,
    inputPaths,
    ...(registration.conditional ? { conditional: registration.conditional } : {}),
    triggers: registration.triggers ?? [],
    source: registration.source ?? null,
    machineArn: arn,
    startArn: arn,
    undoArn: undoDefinition ? machineArn(undoMachineName(name)) : null,
  };
}
