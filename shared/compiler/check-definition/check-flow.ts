// The way through a machine: targets that exist, states that can be reached, an end, names that are used once.

import { isJsonObject, type Json } from '../../json.ts';
import type { MachineSite, Report, StateSite } from './machine.ts';

/** Names have to be unique over the whole machine, its branches and iterations included. */
export function checkNames(machines: readonly MachineSite[], report: Report): void {
  const seen = new Set<string>();
  for (const { name, at } of machines.flatMap((machine) => machine.states)) {
    if (seen.has(name)) report('DUPLICATE_STATE_NAME', `Another state is called '${name}' too`, at);
    seen.add(name);
  }
}

/** Targets, reachability and the end of one scope. */
export function checkFlow(machine: MachineSite, report: Report): void {
  const states = new Map(machine.states.map((site) => [site.name, site]));
  if (typeof machine.startAt === 'string' && !states.has(machine.startAt)) {
    report('MISSING_TRANSITION_TARGET', `Missing 'StartAt' target: ${machine.startAt}`, `${machine.at}/StartAt`);
  }
  for (const site of machine.states) {
    for (const [target, at] of targetsOf(site)) {
      if (typeof target !== 'string') report('SCHEMA_VALIDATION_FAILED', "A state's name is expected", at);
      else if (!states.has(target)) report('MISSING_TRANSITION_TARGET', `Missing 'Next' target: ${target}`, at);
    }
  }
  if (typeof machine.startAt !== 'string' || !states.has(machine.startAt)) return;
  const reached = reachable(states, machine.startAt);
  for (const { name, at } of machine.states) {
    // Reported: an unreachable state is refused under the same code as a bad target.
    if (!reached.has(name)) report('MISSING_TRANSITION_TARGET', `State '${name}' is not reachable`, at);
  }
  if (![...reached].some((name) => isEnd(states.get(name)))) {
    report('MISSING_END_STATE', 'Workflow has no terminal state', `${machine.at}/States`);
  }
}

/** Where a state leads: target and its place. */
function targetsOf({ state, at }: StateSite): [Json, string][] {
  const targets: [Json, string][] = [];
  for (const field of ['Next', 'Default']) if (state[field] !== undefined) targets.push([state[field] ?? null, `${at}/${field}`]);
  for (const field of ['Choices', 'Catch']) {
    const rules = state[field];
    if (!Array.isArray(rules)) continue;
    for (const [index, rule] of rules.entries()) {
      if (isJsonObject(rule) && rule['Next'] !== undefined) targets.push([rule['Next'], `${at}/${field}/${index}/Next`]);
    }
  }
  return targets;
}

function reachable(states: ReadonlyMap<string, StateSite>, start: string): Set<string> {
  const reached = new Set([start]);
  const queue = [start];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const site = states.get(name);
    for (const [target] of site ? targetsOf(site) : []) {
      if (typeof target !== 'string' || reached.has(target) || !states.has(target)) continue;
      reached.add(target);
      queue.push(target);
    }
  }
  return reached;
}

function isEnd(site: StateSite | undefined): boolean {
  return site !== undefined && (site.state['End'] === true || site.type === 'Succeed' || site.type === 'Fail');
}
