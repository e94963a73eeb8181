// The workflows that are deployed: what the compiler knows of them (the manifest), and their ARNs (one parameter each).
//
//   C1. The manifest is an asset named by its content: read once per process. Parameters are read again every minute.
//   C2. A name that is not there may have been deployed a moment ago: then they are read again at once, but not more often than every few seconds.
//   C3. Where they cannot be read, what was read before stands; that a name is not there is said only after reading.
//   C4. A workflow is there when it is in both. What the API deployed is in the table instead (`deployments.ts`); what it removed is only known by
//       its machines, for runs that go on.

import * as z from 'zod';
import type { Clock } from '../../shared/clock.ts';
import type { Json } from '../../shared/json.ts';
import type { Catalog, CatalogEntry } from '../../shared/orchestrate/ports.ts';
import { unqualified } from '../../shared/protocol/arns.ts';
import type { WorkflowParameter } from '../../shared/protocol/environment.ts';
import type { ConditionalStep, InputSchema } from '../../shared/workflow/index.ts';
import { once } from './clients.ts';

const FRESH_MS = 60_000;
const MISS_MS = 5_000;

const manifestSchema = z.record(
  z.string(),
  z.object({
    version: z.string(),
    description: z.string().nullable(),
    execution: z.enum(['standard', 'express']),
    timeoutMs: z.number(),
    input: z.custom<InputSchema>((value) => typeof value === 'object' && value !== null).nullable(),
    inputPaths: z.array(z.array(z.string())),
    triggers: z.array(z.custom<Json>(() => true)),
    conditional: z.array(z.custom<ConditionalStep>((value) => typeof value === 'object' && value !== null)).exactOptional(),
    source: z.string().nullable(),
  }),
);

const parameterSchema = z.object({ machine: z.string(), live: z.string(), undo: z.string().nullable() });

/** What the compiler knows of each workflow, by name. */
export type Manifest = z.infer<typeof manifestSchema>;

/** Checks the manifest's text. @throws Error that names what is wrong with it */
export function parseManifest(text: string): Manifest {
  const parsed = manifestSchema.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(`manifest of workflows: ${z.prettifyError(parsed.error)}. Deploy again with the same version.`);
  return parsed.data;
}

/** Checks the text of one parameter. @throws Error that names it */
export function parseWorkflowParameter(name: string, text: string): WorkflowParameter {
  const parsed = parameterSchema.safeParse(JSON.parse(text));
  if (!parsed.success)
    throw new Error(`parameter of workflow ${name}: ${z.prettifyError(parsed.error)}. Deploy again with the same version.`);
  return parsed.data;
}

export interface CatalogOptions {
  clock: Clock;
  manifest: () => Promise<Manifest>;
  /** Parameters by the workflow's name. */
  parameters: () => Promise<Map<string, WorkflowParameter>>;
  /** Workflows that the API deployed; they give way to those of the manifest. */
  deployed?: () => Promise<Deployed[]>;
}

/** A workflow that the API deployed. */
export interface Deployed {
  entry: CatalogEntry;
  /** It is not there any more; its runs may go on. */
  removed: boolean;
}

export type AwsCatalog = Pick<Catalog, 'find' | 'list' | 'nameOf'> & {
  /** The machine undoes runs of a workflow of ours. */
  isUndo(machineArn: string): Promise<boolean>;
  /** What undoes runs of a workflow, also of one that was removed. */
  undoArn(workflow: string): Promise<string | undefined>;
  /** Forgets what was read, for whoever has just changed it. */
  forget(): void;
};

interface Read {
  atMs: number;
  entries: Map<string, CatalogEntry>;
  byMachine: Map<string, string>;
  undoArns: Map<string, string>;
  undoMachines: Set<string>;
}

export function createCatalog(options: CatalogOptions): AwsCatalog {
  const { clock } = options;
  const manifest = once(options.manifest);
  let known: Promise<Read> | undefined;

  async function read(): Promise<Read> {
    const [texts, parameters, deployed] = await Promise.all([manifest(), options.parameters(), options.deployed?.() ?? []]);
    const known = new Map(deployed.map(({ entry }) => [entry.name, entry]));
    const entries = new Map(deployed.flatMap(({ entry, removed }) => (removed ? [] : [[entry.name, entry]])));
    for (const [name, { machine, live, undo }] of parameters) {
      const described = Object.hasOwn(texts, name) ? texts[name] : undefined;
      if (described) entries.set(name, { name, ...described, machineArn: machine, startArn: live, undoArn: undo });
    }
    const all = [...new Map([...known, ...entries]).values()];
    const undoArns = new Map(all.flatMap(({ name, undoArn }) => (undoArn === null ? [] : [[name, undoArn]])));
    return {
      atMs: clock.now(),
      entries,
      byMachine: new Map(all.map(({ machineArn, name }) => [unqualified(machineArn), name])),
      undoArns,
      undoMachines: new Set([...undoArns.values()].map(unqualified)),
    };
  }

  /** What was read at most `ageMs` ago. @param stale where it cannot be read now, what was read before will do */
  async function within(ageMs: number, stale: boolean): Promise<Read> {
    for (;;) {
      const asked = known;
      const current = asked && (await asked.catch(() => undefined));
      if (current && clock.now() - current.atMs < ageMs) return current;
      // Another one reads already.
      if (known !== asked) continue;
      const next = read();
      known = current ? next.catch(() => current) : next;
      if (!current || !stale) return next;
      return known;
    }
  }

  /** Looks once more where nothing was found, unless it was looked a moment ago. */
  async function look<T>(pick: (read: Read) => T | undefined): Promise<T | undefined> {
    return pick(await within(FRESH_MS, true)) ?? pick(await within(MISS_MS, false));
  }

  return {
    find: (name) => look(({ entries }) => entries.get(name)),
    async list() {
      const { entries } = await within(FRESH_MS, true);
      return [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    nameOf: (machineArn) => look(({ byMachine }) => byMachine.get(unqualified(machineArn))),
    isUndo: async (machineArn) => (await look(({ undoMachines }) => undoMachines.has(unqualified(machineArn)) || undefined)) ?? false,
    undoArn: (workflow) => look(({ undoArns }) => undoArns.get(workflow)),
    forget() {
      known = undefined;
    },
  };
}
