// Who may do what, read from a template as a closed world: every property that holds a policy is known, and any other that holds one is a fault.

import type { Json, JsonObject } from '../../shared/json.ts';
import { isJsonObject } from '../../shared/json.ts';
import { list, object, type Resource, strings, type Template } from './support.ts';

export interface Statement {
  /** Construct path of the role, queue, bucket or function that the statement is of. */
  holder: string;
  kind: 'trust' | 'identity' | 'resource';
  effect: string;
  /** Services, accounts or ARNs; empty for identity policies. */
  principals: string[];
  actions: string[];
  resources: string[];
  /** `operator key value`, sorted. */
  conditions: string[];
  /** What a statement must not have. */
  negations: string[];
}

/** A right that the rules forbid and that is meant. */
export interface Justification {
  holder: string;
  action: string;
  resource: string;
  reason: string;
}

/** Properties that hold policies, by type of resource. */
const HOLDERS: { readonly [type: string]: readonly string[] } = {
  'AWS::IAM::Role': ['AssumeRolePolicyDocument', 'Policies', 'ManagedPolicyArns', 'PermissionsBoundary'],
  'AWS::IAM::Policy': ['PolicyDocument'],
  'AWS::IAM::ManagedPolicy': ['PolicyDocument'],
  'AWS::SQS::QueuePolicy': ['PolicyDocument'],
  'AWS::S3::BucketPolicy': ['PolicyDocument'],
  'AWS::KMS::Key': ['KeyPolicy'],
  'AWS::Events::EventBusPolicy': ['Statement'],
  'AWS::ApiGateway::RestApi': ['Policy'],
};

/** All statements of a template. @throws Error for a policy in a place that is not known */
export function statementsOf(template: Template): Statement[] {
  const names = new Names(template);
  return Object.values(template.resources).flatMap((resource) => {
    closedWorld(resource);
    const at = (holder: string, kind: Statement['kind'], document: Json | undefined): Statement[] =>
      document === undefined ? [] : list(object(document)['Statement']).map((one) => statement(holder, kind, object(one), names));
    const { Properties: own, Type, path } = resource;
    switch (Type) {
      case 'AWS::IAM::Role':
        return [
          ...at(path, 'trust', own['AssumeRolePolicyDocument']),
          ...list(own['Policies']).flatMap((policy) => at(path, 'identity', object(policy)['PolicyDocument'])),
          ...list(own['ManagedPolicyArns']).map((arn) => managed(path, names.text(arn))),
        ];
      case 'AWS::IAM::ManagedPolicy':
        // It may be a boundary, which nobody has as a role: then it stands for itself.
        return at(path, 'identity', own['PolicyDocument']);
      case 'AWS::IAM::Policy':
        return list(own['Roles']).flatMap((role) => at(names.text(role), 'identity', own['PolicyDocument']));
      case 'AWS::SQS::QueuePolicy':
        return list(own['Queues']).flatMap((queue) => at(names.text(queue), 'resource', own['PolicyDocument']));
      case 'AWS::S3::BucketPolicy':
        return at(names.text(own['Bucket']), 'resource', own['PolicyDocument']);
      case 'AWS::KMS::Key':
        return at(path, 'resource', own['KeyPolicy']);
      case 'AWS::ApiGateway::RestApi':
        return at(path, 'resource', own['Policy']);
      case 'AWS::Events::EventBusPolicy':
        return own['Statement'] === undefined ? [] : [statement(path, 'resource', object(own['Statement']), names)];
      case 'AWS::Lambda::Permission':
        return [permission(own, names)];
      default:
        return [];
    }
  });
}

/** One line per right, sorted. */
export function tableOf(statements: readonly Statement[]): string[] {
  const lines = statements.flatMap(({ holder, kind, effect, principals, actions, resources, conditions }) =>
    actions.flatMap((action) =>
      (resources.length > 0 ? resources : ['(itself)']).map((resource) =>
        [holder, `${kind} ${effect.toLowerCase()}`, principals.join(' '), action, resource, conditions.join(', ')].join(' | '),
      ),
    ),
  );
  return [...new Set(lines)].sort();
}

/** What the rules forbid and nothing justifies, and justifications of what is not there. */
export function faultsOf(statements: readonly Statement[], allowed: ReadonlySet<string>, justified: readonly Justification[]): string[] {
  const used = new Set<Justification>();
  const faults = statements
    .filter(({ effect }) => effect !== 'Deny')
    .flatMap((one) => [
      ...one.negations.map((name) => `${one.holder}: ${name}`),
      ...principalFaults(one),
      ...one.actions.flatMap((action) => actionFaults(one, action, allowed, justified, used)),
    ]);
  const unused = justified.filter((one) => !used.has(one)).map(({ holder, action, resource }) => `unused: ${holder} ${action} ${resource}`);
  return [...new Set([...faults, ...unused])].sort();
}

function actionFaults(
  { holder, kind, resources }: Statement,
  action: string,
  allowed: ReadonlySet<string>,
  justified: readonly Justification[],
  used: Set<Justification>,
): string[] {
  const faults: string[] = [];
  if (action.startsWith('managed policy')) faults.push(`${holder}: ${action}`);
  else if (action.includes('*')) faults.push(`${holder}: wildcard in action ${action}`);
  else if (!allowed.has(action)) faults.push(`${holder}: ${action} is not an action that is known`);
  if (kind !== 'identity') return faults;
  for (const resource of resources.filter((text) => text.includes('*'))) {
    const reason = justified.find((one) => holder === one.holder && action === one.action && resource === one.resource);
    if (reason) used.add(reason);
    else faults.push(`${holder}: ${action} on ${resource}`);
  }
  return faults;
}

/** Lambda takes an execution role without telling for whom; every other service does. */
function principalFaults({ holder, kind, principals, conditions }: Statement): string[] {
  return principals.flatMap((principal) => {
    if (principal === '*') return [`${holder}: anybody`];
    const isService = principal.endsWith('.amazonaws.com');
    if (!isService || (kind === 'trust' && principal === 'lambda.amazonaws.com')) return [];
    const narrowed = conditions.some((condition) => /aws:SourceA(rn|ccount)/.test(condition));
    return narrowed ? [] : [`${holder}: ${principal} for any account`];
  });
}

function statement(holder: string, kind: Statement['kind'], one: JsonObject, names: Names): Statement {
  const { Effect, Principal, Action, Resource, Condition, ...rest } = one;
  const principals = isJsonObject(Principal) ? Object.values(Principal).flatMap(list) : list(Principal);
  return {
    holder,
    kind,
    effect: String(Effect),
    principals: principals.map((principal) => names.text(principal)),
    actions: strings(Action),
    resources: list(Resource).map((resource) => names.text(resource)),
    conditions: conditionsOf(Condition, names),
    negations: Object.keys(rest).filter((name) => name.startsWith('Not')),
  };
}

function conditionsOf(condition: Json | undefined, names: Names): string[] {
  return Object.entries(isJsonObject(condition) ? condition : {})
    .flatMap(([operator, keys]) =>
      Object.entries(object(keys)).flatMap(([key, values]) => list(values).map((value) => `${operator} ${key} ${names.text(value)}`)),
    )
    .sort();
}

function permission(own: JsonObject, names: Names): Statement {
  const conditions = [
    ...(own['SourceArn'] === undefined ? [] : [`aws:SourceArn ${names.text(own['SourceArn'])}`]),
    ...(own['SourceAccount'] === undefined ? [] : [`aws:SourceAccount ${names.text(own['SourceAccount'])}`]),
  ];
  return {
    holder: names.text(own['FunctionName']),
    kind: 'resource',
    effect: 'Allow',
    principals: [names.text(own['Principal'])],
    actions: strings(own['Action']),
    resources: [],
    conditions,
    negations: [],
  };
}

function managed(holder: string, arn: string): Statement {
  const none = { principals: [], resources: [], conditions: [], negations: [] };
  return { holder, kind: 'identity', effect: 'Allow', actions: [`managed policy ${arn}`], ...none };
}

function closedWorld({ Type, Properties, path }: Resource): void {
  const known = HOLDERS[Type] ?? [];
  for (const [name, value] of Object.entries(Properties)) {
    if (!known.includes(name) && holdsStatement(value)) throw new Error(`${path}: ${Type} has a policy in ${name}, which nobody looks at`);
  }
}

function holdsStatement(value: Json | undefined): boolean {
  if (Array.isArray(value)) return value.some(holdsStatement);
  if (!isJsonObject(value)) return false;
  return 'Statement' in value || Object.values(value).some(holdsStatement);
}

/** Intrinsic functions as text: resources by their construct paths, so that no hash is in it. */
class Names {
  readonly #template: Template;

  constructor(template: Template) {
    this.#template = template;
  }

  text(value: Json | undefined): string {
    if (!isJsonObject(value)) return String(value);
    const { Ref, 'Fn::GetAtt': attribute, 'Fn::Join': join, 'Fn::Sub': sub } = value;
    if (typeof Ref === 'string') return this.#name(Ref);
    if (Array.isArray(attribute)) return `${this.#name(String(attribute[0]))}${attribute[1] === 'Arn' ? '' : `.${attribute[1]}`}`;
    if (Array.isArray(join))
      return maskHashes(
        list(join[1])
          .map((part) => this.text(part))
          .join(String(join[0])),
      );
    if (typeof sub === 'string') return sub;
    return JSON.stringify(value);
  }

  #name(logicalId: string): string {
    return this.#template.resources[logicalId]?.path ?? logicalId;
  }
}

/** Keys of assets are hashes of their content. */
function maskHashes(text: string): string {
  return text.replace(/[0-9a-f]{64}/g, '<hash>');
}
