// The whole model from the tree. Works on broken trees too, so that mistakes of meaning are told together with those of shape.

import { isJsonObject } from '../json.ts';
import { buildService, durationOf } from './build-service.ts';
import { asSchema, buildSteps, type StepBuilder } from './build-steps.ts';
import { defaultTimeoutMs } from './deadline.ts';
import { parseTemplate, parseWholeExpression } from './expression/template.ts';
import type { Service, Trigger, Workflow } from './model.ts';
import type { Reporter } from './reporter.ts';
import { MAX_SERVICES, MAX_TRIGGERS } from './schema.ts';
import type { Sources } from './sources.ts';
import { childOf, itemsOf, jsonOf, textOf, type YamlNode } from './yaml-tree.ts';

export interface Built {
  workflow: Workflow;
  sources: Sources;
}

/** Builds the model of a tree. Expressions that cannot be read are reported; other faults have been by the shape check. */
export function buildWorkflow(root: YamlNode, file: string, reporter: Reporter): Built {
  const sources: Sources = new Map();
  const services = new Map<string, Service>();
  const declared = childOf(root, 'services');
  if (declared?.kind === 'map') {
    for (const { key, value } of declared.entries.slice(0, MAX_SERVICES)) {
      const service = buildService(key, value, reporter);
      services.set(key, service);
      sources.set(service, value);
    }
  }
  const builder: StepBuilder = { services, sources, reporter, count: 0 };
  const steps = buildSteps(builder, itemsOf(root, 'steps'));
  const input = childOf(root, 'input');
  const output = childOf(root, 'output');
  const version = childOf(root, 'version');
  const workflow: Workflow = {
    file,
    name: textOf(root, 'name') ?? '',
    version: version?.kind === 'scalar' ? (typeof version.value === 'string' ? version.value : version.written) : '',
    description: textOf(root, 'description'),
    input: input?.kind === 'map' ? asSchema(jsonOf(input)) : null,
    timeoutMs: durationOf(root, 'timeout') ?? defaultTimeoutMs(steps),
    execution: textOf(root, 'execution') === 'express' ? 'express' : 'standard',
    services: serviceTable(services),
    steps,
    output: output === null ? null : parseTemplate(output, reporter),
    triggers: itemsOf(root, 'triggers')
      .slice(0, MAX_TRIGGERS)
      .map((node) => buildTrigger(node, sources, reporter)),
  };
  sources.set(workflow, root);
  return { workflow, sources };
}

/** Without a prototype, so that a service may be called `constructor`. */
function serviceTable(services: ReadonlyMap<string, Service>): { [name: string]: Service } {
  const table: { [name: string]: Service } = Object.create(null);
  for (const [name, service] of services) table[name] = service;
  return table;
}

function buildTrigger(node: YamlNode, sources: Sources, reporter: Reporter): Trigger {
  const inputNode = childOf(node, 'input');
  const input = inputNode === null ? null : parseTemplate(inputNode, reporter);
  const schedule = textOf(node, 'schedule');
  const dedupe = childOf(node, 'dedupe');
  const pattern = childOf(node, 'event');
  const patternJson = pattern === null ? {} : jsonOf(pattern);
  const written = jsonOf(node);
  const trigger: Trigger =
    schedule !== null
      ? { kind: 'schedule', schedule, input, written, span: node.span }
      : {
          kind: 'event',
          pattern: isJsonObject(patternJson) ? patternJson : {},
          input,
          dedupe: dedupe === null ? null : parseWholeExpression(dedupe, reporter, 'required'),
          written,
          span: node.span,
        };
  sources.set(trigger, node);
  return trigger;
}
