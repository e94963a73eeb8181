// State machines: created, changed, described; and their definitions compiled, once each.

import { isJsonObject, type Json, type JsonObject } from '../../shared/json.ts';
import { parseDefinition } from './definition/parse-definition.ts';
import type { DefinitionIssue, Machine } from './definition/types.ts';
import { ServiceError } from './errors.ts';
import { createExpressionCompiler } from './expressions/index.ts';
import type { Journal, MachineRow } from './journal.ts';
import { page, pageSize, pageToken } from './paging.ts';
import { checkArn, checkName, lastPart } from './requests.ts';
import type {
  CreateStateMachineInput,
  Engine,
  EngineOptions,
  StateMachineDescription,
  StateMachineSettings,
  StateMachineType,
  UpdateStateMachineInput,
} from './types.ts';
import { issuesText, validateDefinition } from './validate.ts';

const DEFAULT_ROLE = 'role/maestro-local';

export interface Machines
  extends Pick<
    Engine,
    'createStateMachine' | 'updateStateMachine' | 'deleteStateMachine' | 'describeStateMachine' | 'listStateMachines' | 'tags' | 'setTags'
  > {
  validate(definition: string, type?: StateMachineType): DefinitionIssue[];
  /** @throws ServiceError InvalidArn, StateMachineDoesNotExist */
  existing(arn: string): MachineRow;
  /** A stored definition, compiled. */
  compiled(definition: number): Machine;
  /** The machine as an execution of that definition runs it, even where it was changed or deleted since. */
  describeFor(execution: {
    machineArn: string;
    definition: number;
    roleArn: string;
    type: StateMachineType;
    started: number;
  }): StateMachineDescription;
}

export function createMachines(journal: Journal, options: EngineOptions & { region: string; accountId: string }): Machines {
  const { database, clock, ids, region, accountId } = options;
  const compile = createExpressionCompiler(ids);
  const compiledById = new Map<number, Machine>();

  const validate = (definition: string, type: StateMachineType = 'STANDARD'): DefinitionIssue[] =>
    validateDefinition(definition, { compile, type }).issues;

  function check(definition: string, type: StateMachineType): void {
    const issues = validate(definition, type);
    if (issues.length > 0) throw new ServiceError('InvalidDefinition', issuesText(issues));
  }

  function existing(arn: string): MachineRow {
    checkArn(arn);
    const row = journal.machine(arn);
    if (!row) throw new ServiceError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
    return row;
  }

  function resource(arn: string): MachineRow {
    const row = journal.machine(arn);
    if (!row) throw new ServiceError('ResourceNotFound', `Resource not found: '${arn}'`);
    return row;
  }

  function describe(row: MachineRow): StateMachineDescription {
    return {
      ...{ stateMachineArn: row.arn, name: row.name, status: 'ACTIVE', type: row.type, roleArn: row.roleArn },
      ...{ definition: journal.definition(row.definition), revisionId: row.revision, settings: row.settings },
      ...{ creationDate: row.created, updateDate: row.updated },
    };
  }

  async function createStateMachine(input: CreateStateMachineInput): Promise<{ stateMachineArn: string; creationDate: number }> {
    checkName(input.name);
    const type = input.type ?? 'STANDARD';
    check(input.definition, type);
    const arn = `arn:aws:states:${region}:${accountId}:stateMachine:${input.name}`;
    const roleArn = input.roleArn ?? `arn:aws:iam::${accountId}:${DEFAULT_ROLE}`;
    const definition = journal.definitionId(input.definition);
    const before = journal.machine(arn);
    if (before && (before.definition !== definition || before.type !== type || before.roleArn !== roleArn)) {
      throw new ServiceError('StateMachineAlreadyExists', `State Machine Already Exists: '${arn}'`);
    }
    const now = before?.created ?? clock.now();
    if (!before) {
      const common = { arn, name: input.name, type, definition, roleArn, created: now, updated: now, revision: ids.uuid() };
      journal.insertMachine({ ...common, settings: settingsOf(input), tags: input.tags ?? [] });
    }
    await database.committed();
    return { stateMachineArn: arn, creationDate: now };
  }

  async function updateStateMachine(input: UpdateStateMachineInput): Promise<{ updateDate: number; revisionId: string }> {
    const row = existing(input.stateMachineArn);
    const settings = settingsOf(input);
    if (input.definition === undefined && input.roleArn === undefined && Object.keys(settings).length === 0) {
      throw new ServiceError(
        'MissingRequiredParameter',
        'Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified',
      );
    }
    if (input.definition !== undefined) check(input.definition, row.type);
    const definition = input.definition === undefined ? row.definition : journal.definitionId(input.definition);
    const [updated, revision] = [clock.now(), ids.uuid()];
    journal.updateMachine({
      ...row,
      definition,
      roleArn: input.roleArn ?? row.roleArn,
      updated,
      revision,
      settings: { ...row.settings, ...settings },
    });
    await database.committed();
    return { updateDate: updated, revisionId: revision };
  }

  return {
    createStateMachine,
    updateStateMachine,
    async deleteStateMachine(arn) {
      checkArn(arn);
      journal.deleteMachine(arn);
      await database.committed();
    },
    describeStateMachine: (arn) => describe(existing(arn)),
    listStateMachines(given = {}) {
      const limit = pageSize(given.maxResults);
      return page(journal.machines(pageToken(given.nextToken) ?? 0, limit + 1), limit, (last) => last.id, describe);
    },
    tags: (arn) => resource(arn).tags,
    async setTags(arn, tags) {
      journal.updateMachine({ ...resource(arn), tags });
      await database.committed();
    },
    validate,
    existing,
    compiled(definition) {
      let machine = compiledById.get(definition);
      if (!machine) {
        const parsed: Json = JSON.parse(journal.definition(definition));
        if (!isJsonObject(parsed)) throw new Error(`Definition ${definition} is not an object`);
        machine = parseDefinition(parsed, compile);
        compiledById.set(definition, machine);
      }
      return machine;
    },
    describeFor({ machineArn, definition, roleArn, type, started }) {
      const now = journal.machine(machineArn);
      return {
        ...{ stateMachineArn: machineArn, name: lastPart(machineArn), status: 'ACTIVE', type, roleArn },
        ...{ definition: journal.definition(definition), revisionId: now?.revision ?? '', settings: now?.settings ?? {} },
        ...{ creationDate: now?.created ?? started, updateDate: now?.updated ?? started },
      };
    },
  };
}

function settingsOf(input: StateMachineSettings): JsonObject {
  const settings: JsonObject = {};
  for (const key of ['loggingConfiguration', 'tracingConfiguration', 'encryptionConfiguration'] as const) {
    const value = input[key];
    if (value !== undefined) settings[key] = value;
  }
  return settings;
}
