// Compiled workflows as state machines of the engine: `<name>` and `<name>-undo`.

import { substitute } from '../../shared/compiler/index.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { Engine } from '../engine/index.ts';
import { localSubstitutions, machineArn, undoMachineName } from './arns.ts';
import type { Registration } from './operations.ts';

/** Marks the machines of compiled workflows. */
const VERSION_TAG = 'maestro:version';

export interface Registry {
  /** Makes or updates the machines of a workflow. Runs that have begun go on with the definition they began with. False: nothing had changed. */
  register(registration: Registration): Promise<boolean>;
  /** What was registered in this process under a name. */
  find(name: string): Registration | undefined;
  /** Everything that was registered in this process, by name. */
  list(): Registration[];
  /**
   * Forgets a workflow: nothing starts it any more. Its machines stay, for the runs that have begun and their undo. False: there is none.
   */
  forget(name: string): boolean;
  /** True for the machines of compiled workflows; others came by the Step Functions endpoint, and have no run records. */
  isWorkflow(stateMachineArn: string): boolean;
}

export function createRegistry(engine: Engine): Registry {
  const known = new Map<string, { registration: Registration; text: string }>();
  const marked = new Map<string, boolean>();

  async function put(
    name: string,
    definition: JsonObject,
    type: 'STANDARD' | 'EXPRESS',
    tags: { key: string; value: string }[],
  ): Promise<void> {
    const text = JSON.stringify(definition);
    const stateMachineArn = machineArn(name);
    const before = describe(engine, stateMachineArn);
    if (before && before.type !== type) await engine.deleteStateMachine(stateMachineArn);
    if (before && before.type === type) {
      if (before.definition !== text) await engine.updateStateMachine({ stateMachineArn, definition: text });
      await engine.setTags(stateMachineArn, tags);
    } else {
      await engine.createStateMachine({ name, definition: text, type, tags });
    }
  }

  return {
    async register(registration) {
      const before = known.get(registration.name);
      if (before?.registration === registration) return false;
      const text = JSON.stringify(registration);
      if (before?.text === text) return false;
      const { name, version, definition, undoDefinition, substitutions } = registration;
      const values = localSubstitutions(substitutions);
      const tags = [{ key: VERSION_TAG, value: version }];
      if (undoDefinition) await put(undoMachineName(name), substitute(undoDefinition, values), 'STANDARD', tags);
      await put(name, substitute(definition, values), registration.execution === 'express' ? 'EXPRESS' : 'STANDARD', tags);
      known.set(name, { registration, text });
      marked.clear();
      return true;
    },
    find: (name) => known.get(name)?.registration,
    list: () => [...known.values()].map(({ registration }) => registration).sort((a, b) => (a.name < b.name ? -1 : 1)),
    forget: (name) => known.delete(name),
    isWorkflow(stateMachineArn) {
      let found = marked.get(stateMachineArn);
      if (found === undefined) {
        found = describe(engine, stateMachineArn) !== undefined && engine.tags(stateMachineArn).some(({ key }) => key === VERSION_TAG);
        marked.set(stateMachineArn, found);
      }
      return found;
    },
  };
}

function describe(engine: Engine, stateMachineArn: string): ReturnType<Engine['describeStateMachine']> | undefined {
  try {
    return engine.describeStateMachine(stateMachineArn);
  } catch (error) {
    if (error instanceof Error && error.name === 'StateMachineDoesNotExist') return undefined;
    throw error;
  }
}
