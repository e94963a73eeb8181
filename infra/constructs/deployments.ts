// `allowDeploy`: workflows that the API deploys (`PUT /workflows/NAME`), beside those of the files.
//
//   D1. Their machines have names with one prefix, which nothing else has, and one role, which may do what any of them can need.
//   D2. The role is under a permission boundary: whoever could add a policy to it would not get beyond that.
//   D3. Whoever deploys may make machines of that prefix with that role, and nothing else.

import { Names } from 'aws-cdk-lib';
import { ManagedPolicy, type PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { ENV } from '../../shared/protocol/environment.ts';
import type { Events } from './events.ts';
import type { HandlerFunction } from './handler-function.ts';
import { machineArn, nestedStatements, startStatement } from './machine.ts';
import { allow, allowTracing, executionsOf, servicePrincipal } from './policies.ts';
import type { Workflows, WorkflowTargets } from './workflows.ts';

/** A machine's name has 80 characters, and a workflow's has to fit behind the prefix. */
const LONGEST_PREFIX = 30;

export interface DeploymentsProps extends WorkflowTargets {
  /** What a deployed workflow may run as a sub-workflow, beside other deployed ones. */
  readonly workflows: Workflows;
}

export class Deployments extends Construct {
  readonly role: Role;
  readonly boundary: ManagedPolicy;
  /** ARN patterns of the machines and of their executions. */
  readonly machines: string;
  readonly executions: string;
  readonly #prefix: string;
  readonly #props: DeploymentsProps;

  constructor(scope: Construct, id: string, props: DeploymentsProps) {
    super(scope, id);
    this.#props = props;
    this.#prefix = `${Names.uniqueResourceName(this, { maxLength: LONGEST_PREFIX, separator: '-', allowedSpecialCharacters: '-' })}-`;
    this.machines = machineArn(this, `${this.#prefix}*`);
    this.executions = executionsOf(this, `${this.#prefix}*`);
    const anyMachine = machineArn(this, '*');
    this.boundary = new ManagedPolicy(this, 'Boundary', {
      description: 'The most that a workflow may do that the API deploys',
      // Any machine, by its alias: named one by one, they would outgrow the 6,144 characters of a managed policy.
      statements: this.#needs([anyMachine], [executionsOf(this, '*')]),
    });
    this.role = new Role(this, 'Role', {
      description: 'State machines that the API deploys',
      assumedBy: servicePrincipal(this, 'states.amazonaws.com', this.machines),
      permissionsBoundary: this.boundary,
    });
    const machines = props.workflows.machines.map(({ machine }) => machine);
    const needs = this.#needs(
      [this.machines, ...machines.map(({ stateMachineArn }) => stateMachineArn)],
      [this.executions, ...machines.map(({ stateMachineName }) => executionsOf(this, stateMachineName))],
    );
    for (const statement of needs) this.role.addToPolicy(statement);
  }

  /** Deploys, changes and removes workflows. */
  grantDeploy(to: HandlerFunction): void {
    const { step, checkpoint } = this.#props;
    to.setEnvironment(ENV.allowDeploy, 'true');
    to.setEnvironment(ENV.deployPrefix, this.#prefix);
    to.setEnvironment(ENV.deployRole, this.role.roleArn);
    to.setEnvironment(ENV.stepArn, step.alias.functionArn);
    to.setEnvironment(ENV.checkpointArn, checkpoint.alias.functionArn);
    to.allow(
      allow(
        [
          'states:CreateStateMachine',
          'states:CreateStateMachineAlias',
          'states:DeleteStateMachine',
          'states:PublishStateMachineVersion',
          'states:UpdateStateMachine',
          'states:UpdateStateMachineAlias',
        ],
        [this.machines],
      ),
      allow(['iam:PassRole'], [this.role.roleArn], { StringEquals: { 'iam:PassedToService': 'states.amazonaws.com' } }),
    );
  }

  /** Starts them and asks when they began. */
  grantStart(to: HandlerFunction): void {
    to.allow(startStatement([this.machines]), allow(['states:DescribeExecution'], [this.executions]));
  }

  /** Looks at their executions and stops them. */
  grantControl(to: HandlerFunction): void {
    to.allow(allow(['states:DescribeExecution', 'states:GetExecutionHistory', 'states:StopExecution'], [this.executions]));
  }

  /** The same for the function that they call themselves: any workflow may be the child of a deployed one. */
  grantChildrenLater(to: HandlerFunction): void {
    const ofFiles = this.#props.workflows.all.map(({ machine }) => executionsOf(this, machine.stateMachineName));
    to.allowLater(allow(['states:DescribeExecution', 'states:StopExecution'], [this.executions, ...ofFiles]));
  }

  /** Tells the recorder of them. */
  record(events: Events, recorder: HandlerFunction): void {
    events.recordStatusOf('StatusOfDeployed', [{ wildcard: this.machines }], recorder);
  }

  /** What any definition can need, with these machines as sub-workflows. */
  #needs(machines: readonly string[], executions: readonly string[]): PolicyStatement[] {
    const { step, checkpoint, bus } = this.#props;
    return [
      allow(['lambda:InvokeFunction'], [step.alias.functionArn, checkpoint.alias.functionArn]),
      allow(['events:PutEvents'], [bus.eventBusArn]),
      ...nestedStatements(this, machines, executions),
      allowTracing(),
    ];
  }
}
