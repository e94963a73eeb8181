import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Maestro } from '../../infra/index.ts';
import { checkDefinition } from '../../shared/compiler/check-definition/index.ts';
import { substitute } from '../../shared/compiler/index.ts';
import type { JsonObject } from '../../shared/json.ts';
import {
  object,
  ofType,
  parseObject,
  type Resource,
  ROOT,
  referencesIn,
  type Synthesised,
  standard,
  synthesise,
  temporaryFolder,
} from './support.ts';

const validateAsl = createRequire(import.meta.url)('asl-validator') as (definition: unknown) => { isValid: boolean; errors: object[] };

const ARN = 'arn:aws:lambda:eu-west-1:111122223333:function:f:live';

describe.each<[string, () => Synthesised]>([
  ['the workflows of these tests', standard],
  ['the workflows that are deployed by default', () => deployed(join(ROOT, 'examples', 'workflows'))],
  ['a definition of more than 100 KB', large],
])('the definitions of %s', (_, synthesised) => {
  it('have a value for each placeholder, and a placeholder for each value', () => {
    for (const { machine, text } of machinesOf(synthesised())) {
      const placeholders = new Set([...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name));

      expect(new Set(Object.keys(object(machine.Properties['DefinitionSubstitutions'] ?? {}))), machine.path).toEqual(placeholders);
    }
  });

  it('pass both checkers once the values stand in them', () => {
    for (const { machine, text } of machinesOf(synthesised())) {
      const names = Object.keys(object(machine.Properties['DefinitionSubstitutions'] ?? {}));
      const definition = substitute(parseObject(text), Object.fromEntries(names.map((name) => [name, ARN])));

      expect(JSON.stringify(definition), machine.path).not.toContain('${');
      expect(checkDefinition(definition, 'ours'), machine.path).toEqual([]);
      expect(validateAsl(definition).errors, machine.path).toEqual([]);
    }
  });

  it('are what runs: an alias leads to a version of the newest revision', () => {
    const { template } = synthesised();
    const machines = ofType(template, 'AWS::StepFunctions::StateMachine').map(([id]) => id);
    const versions = new Map(ofType(template, 'AWS::StepFunctions::StateMachineVersion'));

    const led = ofType(template, 'AWS::StepFunctions::StateMachineAlias').map(([, { Properties }]) => {
      const [route] = Properties['RoutingConfiguration'] as JsonObject[];
      const [version = ''] = Object.values(object(route?.['StateMachineVersionArn'])).flat() as string[];
      const { StateMachineArn, StateMachineRevisionId } = versions.get(version)?.Properties ?? {};
      expect(Properties['Name']).toBe('live');
      expect(StateMachineRevisionId).toEqual({ 'Fn::GetAtt': [object(StateMachineArn)['Ref'], 'StateMachineRevisionId'] });
      return object(StateMachineArn)['Ref'];
    });

    expect(led.sort()).toEqual(machines.sort());
  });
});

describe('a definition of more than 100 KB', () => {
  it('travels as a file', () => {
    const [, machine] =
      ofType(large().template, 'AWS::StepFunctions::StateMachine').find(([, { path }]) => path.includes('large/Machine')) ?? [];

    expect(machine?.Properties['DefinitionString']).toBeUndefined();
    expect(Object.keys(object(machine?.Properties['DefinitionS3Location']))).toEqual(['Bucket', 'Key']);
  });
});

describe('a state machine', () => {
  it('writes its logs where the account has room for them, without what runs carry, and is traced', () => {
    const { template } = standard();
    for (const [, { Properties, path }] of ofType(template, 'AWS::StepFunctions::StateMachine')) {
      const logging = object(Properties['LoggingConfiguration']);
      const [id = ''] = [...referencesIn(logging)];
      const group = template.resources[id]?.Properties['LogGroupName'];
      expect(group, path).toMatch(/^\/aws\/vendedlogs\/states\//);
      expect(logging, path).toMatchObject({ Level: 'ALL', IncludeExecutionData: false });
      expect(Properties['TracingConfiguration']).toEqual({ Enabled: true });
    }
  });

  it('is of the type that its file says; an undo is always one that lasts', () => {
    const types = ofType(standard().template, 'AWS::StepFunctions::StateMachine').map(([, { path, Properties }]) => [
      path.split('/').slice(2, 4).join('/'),
      Properties['StateMachineType'] ?? 'STANDARD',
    ]);

    expect(Object.fromEntries(types)).toEqual({
      'booking/Machine': 'STANDARD',
      'booking/Undo': 'STANDARD',
      'notice/Machine': 'STANDARD',
      'payment/Machine': 'STANDARD',
      'payment/Undo': 'STANDARD',
      'ping/Machine': 'EXPRESS',
    });
  });
});

describe('the catalogue', () => {
  it('has one parameter for each workflow, below the path that functions are told', () => {
    const { template } = standard();
    const [, ingress] = ofType(template, 'AWS::Lambda::Function').find(([, { path }]) => path.includes('/Ingress/')) ?? [];
    const told = object(object(ingress?.Properties['Environment'])['Variables'])['MAESTRO_WORKFLOWS_PATH'];

    const parameters = ofType(template, 'AWS::SSM::Parameter').map(([, { Properties }]) => Properties['Name']);

    expect(parameters.sort()).toEqual(['booking', 'notice', 'payment', 'ping'].map((name) => `${told}/${name}`));
  });

  it('says in its manifest what only the compiler knows', () => {
    const { folder, template } = standard();
    const [, ingress] = ofType(template, 'AWS::Lambda::Function').find(([, { path }]) => path.includes('/Ingress/')) ?? [];
    const key = String(object(object(ingress?.Properties['Environment'])['Variables'])['MAESTRO_MANIFEST_KEY']);

    const manifest = parseObject(readFileSync(join(folder, `asset.${key}`), 'utf8'));

    expect(Object.keys(manifest)).toEqual(['booking', 'notice', 'payment', 'ping']);
    expect(manifest['booking']).toMatchObject({
      version: '2.1',
      execution: 'standard',
      input: { type: 'object', properties: { order: { type: 'string' } } },
      inputPaths: expect.arrayContaining([['order']]),
      triggers: [{ event: { source: ['shop.example'], 'detail-type': ['OrderPlaced'] } }, { schedule: 'rate(1 hour)' }],
      source: readFileSync(join(import.meta.dirname, 'workflows', 'booking.yaml'), 'utf8'),
    });
  });
});

const known = new Map<string, Synthesised>();

function deployed(workflows: string): Synthesised {
  const found = known.get(workflows) ?? synthesise({ build: (stack) => [new Maestro(stack, 'Maestro', { workflows })] });
  known.set(workflows, found);
  return found;
}

let largeFolder: string | undefined;

function large(): Synthesised {
  largeFolder ??= writeLarge();
  return deployed(largeFolder);
}

function writeLarge(): string {
  const folder = temporaryFolder();
  const steps = Array.from({ length: 40 }, (_, n) =>
    [
      `  - id: step_${n}`,
      '    service: sink',
      '    method: "POST /x"',
      `    input: { text: "${'x'.repeat(2_600)}" }`,
      '    irreversible: true',
    ].join('\n'),
  );
  const head = ['name: large', 'version: "1.0"', 'services:', '  sink: { type: http, endpoint: "https://sink.example" }', 'steps:'];
  writeFileSync(join(folder, 'large.yaml'), [...head, ...steps, ''].join('\n'));
  return folder;
}

function machinesOf({ template, folder }: Synthesised): { machine: Resource; text: string }[] {
  const machines = ofType(template, 'AWS::StepFunctions::StateMachine').map(([, machine]) => {
    const { DefinitionString, DefinitionS3Location } = machine.Properties;
    if (typeof DefinitionString === 'string') return { machine, text: DefinitionString };
    const key = String(object(DefinitionS3Location)['Key']);
    return { machine, text: readFileSync(join(folder, `asset.${key}`), 'utf8') };
  });
  expect(machines.length).toBeGreaterThan(0);
  return machines;
}
