// Synthesised templates, each variant once in a process. Nothing is bundled: no test that reads a template needs the code.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { Maestro, type MaestroProps } from '../../infra/index.ts';
import { isJsonObject, type Json, type JsonObject } from '../../shared/json.ts';

export const ROOT = join(import.meta.dirname, '..', '..');
/** Everything that a definition can need. */
export const WORKFLOWS = join(import.meta.dirname, 'workflows');

export const RECOMMENDED_FLAGS: JsonObject = parseObject(
  readFileSync(join(ROOT, 'node_modules', 'aws-cdk-lib', 'recommended-feature-flags.json'), 'utf8'),
);
/** What the test itself needs: paths in the template, no bundling, and findings that fail the synth. */
const CONTEXT: JsonObject = {
  'aws:cdk:bundling-stacks': [],
  'aws:cdk:enable-path-metadata': true,
  '@aws-cdk/core:validateAgainstDefaultRules': true,
};

export interface Resource {
  Type: string;
  Properties: JsonObject;
  DependsOn: string[];
  DeletionPolicy: string | undefined;
  UpdateReplacePolicy: string | undefined;
  /** Construct path, without the stack. */
  path: string;
}

export interface Template {
  resources: { [logicalId: string]: Resource };
  outputs: { [name: string]: Json };
  /** As it was written. */
  text: string;
}

export interface Finding {
  rule: string;
  path: string;
}

export interface Synthesised {
  template: Template;
  folder: string;
  /** Findings that were acknowledged, of all packs. */
  suppressed: Finding[];
  /** What is acknowledged in the tree. */
  acknowledged: Finding[];
  maestros: Maestro[];
}

export interface Variant {
  flags?: JsonObject;
  /** Has CDK's own rules and cdk-nag's look at it: a second or two. */
  checked?: boolean;
  /** Fills the stack; default: one Maestro with the workflows of the tests. */
  build?: (stack: Stack) => Maestro[];
}

/** One Maestro with props beside the workflows. */
export function withProps(props: Partial<MaestroProps>): NonNullable<Variant['build']> {
  return (stack) => [new Maestro(stack, 'Maestro', { workflows: WORKFLOWS, env: { RATING: 'rating' }, ...props })];
}

/** @throws what the synth throws, findings of the packs included */
export function synthesise({ flags = RECOMMENDED_FLAGS, checked = false, build = withProps({}) }: Variant = {}): Synthesised {
  const folder = temporaryFolder();
  const app = new App({ outdir: folder, context: { ...flags, ...CONTEXT } });
  if (checked) Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const stack = new Stack(app, 'Shop');
  const maestros = build(stack);
  // CDK reads it at each synth.
  process.env['CDK_VALIDATION'] = String(checked);
  app.synth();
  return {
    template: readTemplate(join(folder, 'Shop.template.json')),
    folder,
    maestros,
    suppressed: checked ? suppressedIn(folder) : [],
    acknowledged: acknowledgedIn(stack),
  };
}

/** A folder for as long as this process lives. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'maestro-infra-'));
  folders.push(folder);
  return folder;
}

const folders: string[] = [];
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const known = new Map<string, Synthesised>();

/** The template of the tests' workflows, with the recommended flags. */
export function standard(): Synthesised {
  return once('standard', () => synthesise());
}

/** The same, in an app that sets no flag at all. */
export function withoutFlags(): Synthesised {
  return once('no flags', () => synthesise({ flags: {} }));
}

function once(name: string, make: () => Synthesised): Synthesised {
  const found = known.get(name) ?? make();
  known.set(name, found);
  return found;
}

export function readTemplate(file: string): Template {
  const text = readFileSync(file, 'utf8');
  const { Resources, Outputs } = parseObject(text);
  const resources: Template['resources'] = {};
  for (const [id, resource] of Object.entries(object(Resources))) resources[id] = toResource(object(resource));
  return { resources, outputs: object(Outputs ?? {}), text };
}

function toResource({ Type, Properties, DependsOn, DeletionPolicy, UpdateReplacePolicy, Metadata }: JsonObject): Resource {
  const path = isJsonObject(Metadata) ? Metadata['aws:cdk:path'] : undefined;
  return {
    Type: String(Type),
    Properties: object(Properties ?? {}),
    DependsOn: strings(DependsOn ?? []),
    DeletionPolicy: DeletionPolicy === undefined ? undefined : String(DeletionPolicy),
    UpdateReplacePolicy: UpdateReplacePolicy === undefined ? undefined : String(UpdateReplacePolicy),
    path: String(path ?? '')
      .split('/')
      .slice(1)
      .filter((part) => part !== 'Resource')
      .join('/'),
  };
}

/** Resources of a type, by logical id. */
export function ofType({ resources }: Template, type: string): [string, Resource][] {
  return Object.entries(resources).filter(([, { Type }]) => Type === type);
}

/** Logical ids that a value refers to. */
export function referencesIn(value: Json | undefined): Set<string> {
  const found = new Set<string>();
  const walk = (at: Json | undefined): void => {
    if (Array.isArray(at)) at.forEach(walk);
    if (!isJsonObject(at)) return;
    const { Ref, 'Fn::GetAtt': attribute } = at;
    if (typeof Ref === 'string') found.add(Ref);
    if (Array.isArray(attribute)) found.add(String(attribute[0]));
    Object.values(at).forEach(walk);
  };
  walk(value);
  return found;
}

/** CDK does not look for circles among resources of one stack; CloudFormation refuses them. */
export function circlesOf({ resources }: Pick<Template, 'resources'>): string[] {
  const edges = new Map(
    Object.entries(resources).map(([id, { Properties, DependsOn }]) => [
      id,
      [...referencesIn(Properties), ...DependsOn].filter((to) => to in resources),
    ]),
  );
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (id: string, path: readonly string[]): void => {
    if (path.includes(id)) found.push([...path.slice(path.indexOf(id)), id].join(' → '));
    if (path.includes(id) || done.has(id)) return;
    for (const to of edges.get(id) ?? []) visit(to, [...path, id]);
    done.add(id);
  };
  for (const id of edges.keys()) visit(id, []);
  return found;
}

export function object(value: Json | undefined): JsonObject {
  if (!isJsonObject(value)) throw new Error(`expected an object, found ${JSON.stringify(value)?.slice(0, 100)}`);
  return value;
}

export function list(value: Json | undefined): Json[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

export function strings(value: Json | undefined): string[] {
  return list(value).map(String);
}

export function parseObject(text: string): JsonObject {
  return object(JSON.parse(text) as Json);
}

function suppressedIn(folder: string): Finding[] {
  const { pluginReports } = parseObject(readFileSync(join(folder, 'validation-report.json'), 'utf8'));
  return list(pluginReports).flatMap((report) =>
    list(object(report)['suppressedViolations']).map((violation) => {
      const { acknowledgedId, acknowledgedAt } = object(violation);
      return { rule: String(acknowledgedId), path: String(acknowledgedAt) };
    }),
  );
}

function acknowledgedIn(stack: Stack): Finding[] {
  return stack.node
    .findAll()
    .flatMap(({ node }) =>
      node.metadata
        .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
        .flatMap(({ data }) => Object.keys(data).map((rule) => ({ rule, path: node.path }))),
    );
}
