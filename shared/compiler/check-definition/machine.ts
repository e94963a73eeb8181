// A definition taken apart: the machine itself and every branch and iteration in it, each a variable scope with states of its own.

import { isJsonObject, type Json, type JsonObject } from '../../json.ts';

/** What is wrong with a definition. */
export interface DefinitionIssue {
  /** In capitals; where AWS has a code for it, AWS's. */
  code: string;
  message: string;
  /** Where: names and numbers joined by `/`, from the definition's root. */
  at: string;
}

/**
 * `aws`: only what Step Functions refuses when a machine is created, each rule with a recorded or documented refusal.
 * `ours`: also what the compiler must never emit, though AWS would take it.
 */
export type CheckLevel = 'aws' | 'ours';

export type Report = (code: string, message: string, at: string) => void;

export interface StateSite {
  name: string;
  state: JsonObject;
  type: string;
  at: string;
  machine: MachineSite;
}

/** The machine, a branch of a Parallel or the iteration of a Map. */
export interface MachineSite {
  kind: 'root' | 'branch' | 'iteration';
  /** The states' common path: empty for the machine itself. */
  at: string;
  startAt: Json | undefined;
  states: StateSite[];
  /** The scope around. */
  outer: MachineSite | null;
  /** A Parallel or Map around catches whatever fails in here. */
  caught: boolean;
}

/** Every scope of the definition, outer ones first. Parts of the wrong shape are left out: `checkShape` names them. */
export function machinesOf(definition: JsonObject): MachineSite[] {
  const found: MachineSite[] = [];
  collect(definition, '', 'root', null, false, found);
  return found;
}

/** The branches and iterations directly inside a state, with their places. */
export function innerMachines(state: JsonObject, at: string): { machine: Json; kind: 'branch' | 'iteration'; at: string }[] {
  if (state['Type'] === 'Parallel' && Array.isArray(state['Branches'])) {
    return state['Branches'].map((machine, index) => ({ machine, kind: 'branch' as const, at: `${at}/Branches/${index}` }));
  }
  if (state['Type'] !== 'Map') return [];
  return ['ItemProcessor', 'Iterator']
    .filter((field) => state[field] !== undefined)
    .map((field) => ({ machine: state[field] ?? null, kind: 'iteration' as const, at: `${at}/${field}` }));
}

/** True when a catcher of this state takes every error that can be caught. */
export function catchesAll(state: JsonObject): boolean {
  const catchers = state['Catch'];
  if (!Array.isArray(catchers)) return false;
  return catchers.some(
    (catcher) => isJsonObject(catcher) && Array.isArray(catcher['ErrorEquals']) && catcher['ErrorEquals'].includes('States.ALL'),
  );
}

function collect(
  machine: JsonObject,
  at: string,
  kind: MachineSite['kind'],
  outer: MachineSite | null,
  caught: boolean,
  found: MachineSite[],
): void {
  const site: MachineSite = { kind, at, startAt: machine['StartAt'], states: [], outer, caught };
  found.push(site);
  const states = machine['States'];
  if (!isJsonObject(states)) return;
  for (const [name, state] of Object.entries(states)) {
    if (!isJsonObject(state)) continue;
    const path = `${at}/States/${name}`;
    site.states.push({ name, state, type: typeof state['Type'] === 'string' ? state['Type'] : '', at: path, machine: site });
    for (const inner of innerMachines(state, path)) {
      if (isJsonObject(inner.machine)) collect(inner.machine, inner.at, inner.kind, site, caught || catchesAll(state), found);
    }
  }
}
