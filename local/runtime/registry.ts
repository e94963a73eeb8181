// Compiled workflows as state machines of the engine: `<name>` and `<name>-undo`.

import { substitute } from '../../shared/compiler/index.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { Engine } from '../engine/index.ts';
import { localSubstitutions, machineArn, undoMachineName } from './arns.ts';
import type { Registration } from './operations.ts';

export interface Registry {
  /** Makes or updates the machines of a workflow. Runs that have begun go on with the definition they began with. */
  register(registration: Registration): Promise<void>;
  /** What was registered in this process under a name. */
  find(name: string): Registration | undefined;
}

export function createRegistry(engine: Engine): Registry {
  const known = new Map<string, { registration: Registration; text: string }>();

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
      const text = JSON.stringify(registration);
      if (known.get(registration.name)?.text === text) return;
      const { name, version, definition, undoDefinition, substitutions } = registration;
      const values = localSubstitutions(substitutions);
      const tags = [{ key: 'maestro:version', value: version }];
      if (undoDefinition) await put(undoMachineName(name), substitute(undoDefinition, values), 'STANDARD', tags);
      await put(name, substitute(definition, values), registration.execution === 'express' ? 'EXPRESS' : 'STANDARD', tags);
      known.set(name, { registration, text });
    },
    find: (name) => known.get(name)?.registration,
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
