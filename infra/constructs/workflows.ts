// Every workflow as state machines: `<name>`, and `<name>-undo` where something can be undone. Each with a published version and the alias
// `live`, so that what runs keeps the definition it was started with.
//
//   W1. A machine may do what its definition's `needs` name, and nothing else. Service calls go through the step function, so that the grants of
//       a machine stay the same from version to version: a kept version runs with today's role.
//   W2. A machine's id is its workflow's name: another name is another machine.

import { Stack } from 'aws-cdk-lib';
import type { PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import type { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import type { Substitution } from '../../shared/compiler/index.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { CatalogEntry } from '../../shared/orchestrate/ports.ts';
import { ENV, type WorkflowParameter } from '../../shared/protocol/environment.ts';
import { conditionalSteps, didYouMean } from '../../shared/workflow/index.ts';
import type { CompiledWorkflow } from '../compile-workflows.ts';
import type { HandlerFunction } from './handler-function.ts';
import {
  createMachine,
  executionLogs,
  type Machine,
  machineArn,
  machineRole,
  nestedStatements,
  startStatement,
  withTemporaryFile,
} from './machine.ts';
import { allow, executionsOf } from './policies.ts';

const PLACEHOLDER = /\$\{([A-Za-z0-9]+)\}/g;

/** What definitions call, beside each other. */
export interface WorkflowTargets {
  readonly step: HandlerFunction;
  readonly checkpoint: HandlerFunction;
  readonly bus: { readonly eventBusName: string; readonly eventBusArn: string };
}

export interface WorkflowsProps extends WorkflowTargets {
  readonly compiled: readonly CompiledWorkflow[];
  readonly logRetention: RetentionDays;
  /** The SSM path below which the ARNs are told, without a slash at its end. */
  readonly path: string;
}

/** A deployed workflow. */
export interface DeployedWorkflow extends Machine {
  readonly name: string;
  readonly source: CompiledWorkflow;
  readonly undo: Machine | null;
}

export class Workflows extends Construct {
  readonly #deployed = new Map<string, DeployedWorkflow>();
  readonly #manifest: Asset;
  readonly #path: string;
  readonly #logs: LogGroup;

  constructor(scope: Construct, id: string, props: WorkflowsProps) {
    super(scope, id);
    this.#path = props.path;
    this.#logs = executionLogs(this, props.logRetention);
    for (const source of childrenFirst(props.compiled)) this.#deploy(source, props);
    this.#manifest = withTemporaryFile('manifest.json', manifestOf(props.compiled), (path) => new Asset(this, 'Manifest', { path }));
  }

  /** All of them, children before those that call them. */
  get all(): readonly DeployedWorkflow[] {
    return [...this.#deployed.values()];
  }

  /** Machines of all workflows, those that undo included. */
  get machines(): readonly Machine[] {
    return this.all.flatMap((workflow) => (workflow.undo ? [workflow, workflow.undo] : [workflow]));
  }

  /** @throws Error with the nearest name when there is no such workflow */
  workflow(name: string): DeployedWorkflow {
    const found = this.#deployed.get(name);
    if (found) return found;
    const hint = didYouMean(name, this.#deployed.keys()) ?? `there are ${[...this.#deployed.keys()].join(', ')}`;
    throw new Error(`workflow "${name}": it is not among the files of this folder; ${hint}`);
  }

  /** Knows which workflows there are. */
  grantCatalog(to: HandlerFunction): void {
    to.setEnvironment(ENV.workflowsPath, this.#path);
    to.setEnvironment(ENV.manifestBucket, this.#manifest.s3BucketName);
    to.setEnvironment(ENV.manifestKey, this.#manifest.s3ObjectKey);
    const { bucket, s3ObjectKey } = this.#manifest;
    to.allow(
      allow(
        ['ssm:GetParametersByPath'],
        [Stack.of(this).formatArn({ service: 'ssm', resource: 'parameter', resourceName: this.#path.slice(1) })],
      ),
      allow(['s3:GetObject'], [bucket.arnForObjects(s3ObjectKey)]),
    );
  }

  /** Starts runs. */
  grantStart(to: HandlerFunction): void {
    to.allow(startStatement(arnsOf(this.all)), describeStatement(this, this.all));
  }

  /** Starts undos. */
  grantUndo(to: HandlerFunction): void {
    const undos = this.all.flatMap(({ undo }) => undo ?? []);
    if (undos.length > 0) to.allow(startStatement(arnsOf(undos)), describeStatement(this, undos));
  }

  /** Looks at executions and stops them. */
  grantControl(to: HandlerFunction): void {
    const executions = this.all.map(({ machine }) => executionsOf(this, machine.stateMachineName));
    to.allow(allow(['states:DescribeExecution', 'states:GetExecutionHistory', 'states:StopExecution'], executions));
  }

  /** Workflows that others run as sub-workflows. */
  get children(): readonly DeployedWorkflow[] {
    const nested = new Set(this.all.flatMap((workflow) => workflow.nested.map(({ machine }) => machine)));
    return this.all.filter(({ machine }) => nested.has(machine));
  }

  /** Looks at executions of sub-workflows and stops them: for a function that the machines call themselves. */
  grantChildrenLater(to: HandlerFunction): void {
    const executions = this.children.map(({ machine }) => executionsOf(this, machine.stateMachineName));
    if (executions.length > 0) to.allowLater(allow(['states:DescribeExecution', 'states:StopExecution'], executions));
  }

  /**
   * Answers task tokens. A token is itself the permission: the actions take no resource.
   * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
   */
  grantAnswer(to: HandlerFunction, answers: readonly ('Failure' | 'Success')[] = ['Failure', 'Success']): void {
    to.allow(
      allow(
        answers.map((answer) => `states:SendTask${answer}`),
        ['*'],
      ),
    );
  }

  #deploy(source: CompiledWorkflow, props: WorkflowsProps): void {
    const { workflow, compiled } = source;
    const scope = new Construct(this, workflow.name);
    const { substitutions } = compiled.needs;
    const express = workflow.execution === 'express';
    const make = (id: string, definition: JsonObject, kind: 'run' | 'undo'): Machine =>
      this.#machine(scope, id, definition, substitutions, express && kind === 'run', kind, props);
    const undo = compiled.undoDefinition ? make('Undo', compiled.undoDefinition, 'undo') : null;
    const own = make('Machine', compiled.definition, 'run');
    const parameter: WorkflowParameter = { machine: own.machine.stateMachineArn, live: own.live, undo: undo?.live ?? null };
    new StringParameter(scope, 'Parameter', {
      parameterName: `${this.#path}/${workflow.name}`,
      stringValue: Stack.of(this).toJsonString(parameter),
      description: `Where Maestro finds the workflow ${workflow.name}`,
    });
    this.#deployed.set(workflow.name, { ...own, name: workflow.name, source, undo });
  }

  #machine(
    scope: Construct,
    id: string,
    definition: JsonObject,
    needs: { readonly [placeholder: string]: Substitution },
    express: boolean,
    kind: 'run' | 'undo',
    props: WorkflowsProps,
  ): Machine {
    const text = JSON.stringify(definition);
    const used = new Set([...text.matchAll(PLACEHOLDER)].map(([, name = '']) => name));
    const inner = new Construct(scope, id);
    const role = machineRole(inner);
    const values: { [placeholder: string]: string } = {};
    const nested: Machine[] = [];
    for (const placeholder of used) {
      const need = needs[placeholder];
      if (!need) throw new Error(`definition of ${scope.node.id}: the placeholder ${placeholder} is not among what it needs`);
      const { value, starts } = this.#substitute(need, kind, role, props);
      values[placeholder] = value;
      if (starts) nested.push(starts);
    }
    return { ...createMachine(inner, { text, values, role, express, logs: this.#logs }), role, nested };
  }

  /** The text in the place of a placeholder, and the right to use what it names. */
  #substitute(
    { kind, workflow = '' }: Substitution,
    machine: 'run' | 'undo',
    role: Role,
    targets: WorkflowTargets,
  ): { value: string; starts?: Machine } {
    switch (kind) {
      case 'step':
      case 'checkpoint': {
        const value = targets[kind].alias.functionArn;
        role.addToPolicy(allow(['lambda:InvokeFunction'], [value]));
        return { value };
      }
      case 'bus':
        role.addToPolicy(allow(['events:PutEvents'], [targets.bus.eventBusArn]));
        return { value: targets.bus.eventBusName };
      case 'workflow': {
        const child = this.workflow(workflow);
        // An undo only tells the step function which machine the child was: it starts nothing but the child's undo.
        return machine === 'run' ? this.#nest(role, child) : { value: child.live };
      }
      case 'undo': {
        const { undo } = this.workflow(workflow);
        // A child that owes nothing is never undone: its state is there and never entered, and names a machine that does not exist.
        return undo ? this.#nest(role, undo) : { value: machineArn(this, 'nothing-to-undo') };
      }
    }
  }

  /** Lets a machine start another and wait for it. */
  #nest(role: Role, child: Machine): { value: string; starts: Machine } {
    const { stateMachineArn, stateMachineName } = child.machine;
    for (const statement of nestedStatements(this, [stateMachineArn], [executionsOf(this, stateMachineName)])) role.addToPolicy(statement);
    return { value: child.live, starts: child };
  }
}

function arnsOf(machines: readonly Machine[]): string[] {
  return machines.map(({ machine }) => machine.stateMachineArn);
}

/** One that exists already is asked when it began. */
function describeStatement(scope: Construct, machines: readonly Machine[]): PolicyStatement {
  return allow(
    ['states:DescribeExecution'],
    machines.map(({ machine }) => executionsOf(scope, machine.stateMachineName)),
  );
}

/** `{[name]: …}` for the catalogue: all that can be known before anything is deployed. */
function manifestOf(compiled: readonly CompiledWorkflow[]): string {
  const entries = compiled.map(({ workflow, compiled: { needs }, text }) => {
    const entry: Omit<CatalogEntry, 'name' | 'machineArn' | 'startArn' | 'undoArn'> = {
      version: workflow.version,
      description: workflow.description,
      execution: workflow.execution,
      timeoutMs: workflow.timeoutMs,
      input: workflow.input,
      inputPaths: needs.inputPaths,
      conditional: conditionalSteps(workflow),
      triggers: workflow.triggers.map(({ written }) => written),
      source: text,
    };
    return [workflow.name, entry] as const;
  });
  return JSON.stringify(Object.fromEntries(entries));
}

/** A child's ARNs stand in its parent's definition. The set was checked: there is no circle. */
function childrenFirst(compiled: readonly CompiledWorkflow[]): CompiledWorkflow[] {
  const byName = new Map(compiled.map((one) => [one.workflow.name, one]));
  const ordered = new Set<CompiledWorkflow>();
  const visit = (one: CompiledWorkflow): void => {
    if (ordered.has(one)) return;
    for (const { workflow } of Object.values(one.compiled.needs.substitutions)) {
      const child = workflow === undefined ? undefined : byName.get(workflow);
      if (child) visit(child);
    }
    ordered.add(one);
  };
  compiled.forEach(visit);
  return [...ordered];
}
