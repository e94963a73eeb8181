// `PUT /workflows/NAME` on AWS, where it is allowed: the state machines of a workflow, made by the API.
//
//   D1. Its machines' names have the prefix and its machines the role that infra gave, and nothing else may be made.
//   D2. What undoes is there before what it undoes, and the catalogue is told last: a deployment that dies half way is finished by the same request.
//   D3. Runs in flight go on: they keep their version, and what undoes them is never removed.
//   D4. Rules and schedules are the stack's: a workflow with triggers is refused.

import type { Substitution } from '../../shared/compiler/index.ts';
import { ApiError } from '../../shared/contract/index.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { Catalog, CatalogEntry } from '../../shared/orchestrate/ports.ts';
import { unqualified } from '../../shared/protocol/arns.ts';
import { LIVE_ALIAS } from '../../shared/protocol/environment.ts';
import type { Store } from '../../shared/store/index.ts';
import type { AwsCatalog } from './catalog.ts';
import type { SfnDoor } from './clients.ts';
import type { Config } from './config.ts';
import { findDeployed, putDeployed } from './deployed.ts';

/** The API's limit of a state machine's name. */
const MAX_NAME = 80;
/** Bytes of a text that the table's item has room for; a larger workflow is deployed by the stack. */
const MAX_SOURCE_BYTES = 300_000;
/** Making and changing machines is refilled with one a second in each account and region. */
const RETRY_AFTER_SEC = 5;

export interface DeployOptions {
  sfn: () => Promise<SfnDoor>;
  store: Store;
  catalog: AwsCatalog;
  prefix: string;
  roleArn: string;
  stepArn: string;
  checkpointArn: string;
  /** Name of Maestro's bus. */
  bus: string;
}

/** What a function that may deploy is told. */
export const DEPLOY_SETTINGS = ['allowDeploy', 'deployPrefix', 'deployRole', 'stepArn', 'checkpointArn'] as const;

/** The catalogue of a function that may deploy, if this one is told all that it takes; else the catalogue as it is. */
export function deployingCatalog(
  config: Config<never, (typeof DEPLOY_SETTINGS)[number] | 'bus'>,
  parts: Pick<DeployOptions, 'sfn' | 'store' | 'catalog'>,
): Catalog {
  const { allowDeploy, deployPrefix: prefix, deployRole: roleArn, stepArn, checkpointArn, bus } = config;
  if (allowDeploy !== 'true' || !prefix || !roleArn || !stepArn || !checkpointArn || !bus) return parts.catalog;
  return createDeployingCatalog({ ...parts, prefix, roleArn, stepArn, checkpointArn, bus });
}

/** The catalogue with deploying. */
export function createDeployingCatalog(options: DeployOptions): Catalog {
  const { catalog, store } = options;
  return {
    find: (name) => catalog.find(name),
    list: () => catalog.list(),
    nameOf: (machineArn) => catalog.nameOf(machineArn),
    async deploy(text) {
      const entry = await refusing(deploy(options, text));
      catalog.forget();
      return entry;
    },
    async remove(name) {
      const known = await findDeployed(store, name);
      if (!known || known.removed) {
        if (await catalog.find(name)) throw ofTheStack(name, 'remove it there');
        return false;
      }
      await putDeployed(store, { ...known, removed: true });
      const { sdk, client } = await options.sfn();
      await refusing(client.send(new sdk.DeleteStateMachineCommand({ stateMachineArn: known.entry.machineArn })));
      catalog.forget();
      return true;
    },
  };
}

async function deploy(options: DeployOptions, text: string): Promise<CatalogEntry> {
  const { catalog, store } = options;
  if (Buffer.byteLength(text) > MAX_SOURCE_BYTES)
    throw new ApiError('too_large', `the workflow has more than ${MAX_SOURCE_BYTES} bytes; deploy it with the stack.`);
  // The compiler is the largest part of ourselves, and most processes never deploy.
  const { compileText } = await import('../../shared/orchestrate/compile-text.ts');
  const { workflow, compiled } = await compileText(text, async (name) => (await catalog.find(name))?.source ?? null);
  const { name } = workflow;
  const before = await findDeployed(store, name);
  if ((!before || before.removed) && (await catalog.find(name))) throw ofTheStack(name, 'change it there');
  if (workflow.triggers.length > 0)
    throw new ApiError(
      'invalid',
      `workflow ${name}: it has triggers, which only the stack can make. Deploy it with the stack, or without them.`,
    );
  if (before && !before.removed && before.entry.execution !== workflow.execution)
    throw new ApiError(
      'conflict',
      `workflow ${name}: a ${before.entry.execution} workflow cannot become ${workflow.execution}; remove it first.`,
    );
  const values = await substitutions(options, compiled.needs.substitutions);
  const undo = compiled.undoDefinition;
  const undoArn = undo ? await putMachine(options, `${name}-undo`, undo, values, 'STANDARD') : undefined;
  const type = workflow.execution === 'express' ? 'EXPRESS' : 'STANDARD';
  const startArn = await putMachine(options, name, compiled.definition, values, type);
  const entry: CatalogEntry = {
    name,
    version: workflow.version,
    description: workflow.description,
    execution: workflow.execution,
    timeoutMs: workflow.timeoutMs,
    input: workflow.input,
    inputPaths: compiled.needs.inputPaths,
    triggers: [],
    source: text,
    machineArn: unqualified(startArn),
    startArn,
    // A version that had something to undo may still have runs.
    undoArn: undoArn ?? before?.entry.undoArn ?? null,
  };
  await putDeployed(store, { entry, removed: false });
  return entry;
}

/** What stands for each placeholder of the definitions. @throws ApiError for a sub-workflow that is not there */
async function substitutions(
  { catalog, stepArn, checkpointArn, bus }: DeployOptions,
  needs: { readonly [placeholder: string]: Substitution },
): Promise<{ [placeholder: string]: string }> {
  const values: { [placeholder: string]: string } = {};
  for (const [placeholder, { kind, workflow = '' }] of Object.entries(needs)) {
    if (kind === 'step') values[placeholder] = stepArn;
    else if (kind === 'checkpoint') values[placeholder] = checkpointArn;
    else if (kind === 'bus') values[placeholder] = bus;
    else {
      const child = await catalog.find(workflow);
      if (!child) throw new ApiError('invalid', `workflow ${workflow}: it is run as a sub-workflow and is not deployed; deploy it first.`);
      // A child that owes nothing is never undone: that state is never entered.
      values[placeholder] = kind === 'workflow' ? child.startArn : (child.undoArn ?? `${child.machineArn}-undo`);
    }
  }
  return values;
}

/** Makes or changes a machine and leads its alias to the new version. Answers the alias's ARN. */
async function putMachine(
  options: DeployOptions,
  name: string,
  definition: JsonObject,
  values: { [placeholder: string]: string },
  type: 'STANDARD' | 'EXPRESS',
): Promise<string> {
  const machineName = options.prefix + name;
  if (machineName.length > MAX_NAME)
    throw new ApiError(
      'invalid',
      `workflow ${name}: its name has room for ${MAX_NAME - options.prefix.length} characters here, "-undo" included.`,
    );
  const { substitute } = await import('../../shared/compiler/index.ts');
  const text = JSON.stringify(substitute(definition, values));
  const { sdk, client } = await options.sfn();
  const settings = { definition: text, roleArn: options.roleArn, tracingConfiguration: { enabled: true } };
  const machineArn = machineArnLike(options.stepArn, machineName);
  let revisionId: string | undefined;
  try {
    await client.send(new sdk.CreateStateMachineCommand({ name: machineName, type, ...settings }));
  } catch (error) {
    if (!(error instanceof Error && error.name === 'StateMachineAlreadyExists')) throw error;
    ({ revisionId } = await client.send(new sdk.UpdateStateMachineCommand({ stateMachineArn: machineArn, ...settings })));
  }
  const published = await client.send(
    new sdk.PublishStateMachineVersionCommand({ stateMachineArn: machineArn, ...(revisionId === undefined ? {} : { revisionId }) }),
  );
  const routingConfiguration = [{ stateMachineVersionArn: published.stateMachineVersionArn, weight: 100 }];
  const alias = `${machineArn}:${LIVE_ALIAS}`;
  try {
    await client.send(new sdk.CreateStateMachineAliasCommand({ name: LIVE_ALIAS, routingConfiguration }));
  } catch (error) {
    if (!(error instanceof Error && error.name === 'ConflictException')) throw error;
    await client.send(new sdk.UpdateStateMachineAliasCommand({ stateMachineAliasArn: alias, routingConfiguration }));
  }
  return alias;
}

/** A machine in the account and region of another ARN. */
function machineArnLike(arn: string, machineName: string): string {
  const [, partition, , region, account] = arn.split(':');
  return `arn:${partition}:states:${region}:${account}:stateMachine:${machineName}`;
}

/** What Step Functions refuses, as the client may be told. */
async function refusing<T>(done: Promise<T>): Promise<T> {
  try {
    return await done;
  } catch (error) {
    if (error instanceof Error && ['ThrottlingException', 'TooManyRequestsException'].includes(error.name))
      throw new ApiError('rate_limited', 'Step Functions takes no more changes for a moment; try again.', {
        retryAfter: RETRY_AFTER_SEC,
        cause: error,
      });
    if (error instanceof Error && error.name === 'ConflictException')
      throw new ApiError('conflict', 'another change of this workflow is under way; try again.', { cause: error });
    if (error instanceof Error && error.name === 'StateMachineDeleting')
      throw new ApiError('conflict', 'the workflow was removed and runs of it go on; deploy it again when they have ended.', {
        cause: error,
      });
    if (error instanceof Error && error.name === 'InvalidDefinition')
      throw new ApiError('invalid', `Step Functions refuses the definition: ${error.message.slice(0, 1_000)}`, { cause: error });
    throw error;
  }
}

function ofTheStack(name: string, what: string): ApiError {
  return new ApiError('conflict', `workflow ${name}: it was deployed by the stack; ${what}.`);
}
