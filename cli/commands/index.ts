// The commands by name. Each is loaded when it is asked for, so that a quick one does not pay for a heavy one.

import type { Command } from '../command.ts';

export interface CommandEntry {
  group: 'Write' | 'Run' | 'Look after' | 'Service';
  /** One line for the list of commands. */
  summary: string;
  load(): Promise<Command>;
}

export const COMMANDS: { readonly [name: string]: CommandEntry } = {
  init: {
    group: 'Write',
    summary: 'write a small workflow, a scenario that tests it, and a service to run it against',
    load: () => import('./init.ts').then((module) => module.initCommand),
  },
  validate: {
    group: 'Write',
    summary: 'check workflow files and say what is wrong, with line and column',
    load: () => import('./validate.ts').then((module) => module.validateCommand),
  },
  compile: {
    group: 'Write',
    summary: 'print the Step Functions definition of a workflow',
    load: () => import('./compile.ts').then((module) => module.compileCommand),
  },
  graph: {
    group: 'Write',
    summary: 'draw the workflow, happy path and undo path',
    load: () => import('./graph.ts').then((module) => module.graphCommand),
  },
  cost: {
    group: 'Write',
    summary: 'price a run on AWS, and say whether Standard or Express is cheaper',
    load: () => import('./cost.ts').then((module) => module.costCommand),
  },
  schema: {
    group: 'Write',
    summary: 'print a JSON Schema of the workflow file, for editors',
    load: () => import('./schema.ts').then((module) => module.schemaCommand),
  },
  test: {
    group: 'Write',
    summary: 'run scenario files: no network, and a clock that jumps',
    load: () => import('../test-command.ts').then((module) => module.testCommand),
  },
  prove: {
    group: 'Write',
    summary: 'run a workflow once for every failure it can have, and show what is undone',
    load: () => import('../prove-command.ts').then((module) => module.proveCommand),
  },
  execute: {
    group: 'Run',
    summary: 'run a workflow on this machine, durably, and wait for its end',
    load: () => import('./execute.ts').then((module) => module.executeCommand),
  },
  dev: {
    group: 'Run',
    summary: 'serve Maestro on this machine: the API, schedules and events, workflow files watched',
    load: () => import('./dev.ts').then((module) => module.devCommand),
  },
  run: {
    group: 'Run',
    summary: 'start a workflow of a service by its name',
    load: () => import('./run.ts').then((module) => module.runCommand),
  },
  events: {
    group: 'Run',
    summary: 'show what happens in a run, or put events that start workflows',
    load: () => import('./events.ts').then((module) => module.eventsCommand),
  },
  resolve: {
    group: 'Run',
    summary: 'answer a checkpoint that a run waits at',
    load: () => import('./resolve.ts').then((module) => module.resolveCommand),
  },
  retry: {
    group: 'Run',
    summary: 'run a failed job again, from the failed step where that is safe',
    load: () => import('./retry.ts').then((module) => module.retryCommand),
  },
  runs: {
    group: 'Look after',
    summary: 'list runs, newest first',
    load: () => import('./runs.ts').then((module) => module.runsCommand),
  },
  get: {
    group: 'Look after',
    summary: 'show all that is on record about a run',
    load: () => import('./get.ts').then((module) => module.getCommand),
  },
  cancel: {
    group: 'Look after',
    summary: 'stop a run and undo what it did',
    load: () => import('./cancel.ts').then((module) => module.cancelCommand),
  },
  undo: {
    group: 'Look after',
    summary: 'try again to undo what a run left',
    load: () => import('./undo.ts').then((module) => module.undoCommand),
  },
  breakers: {
    group: 'Look after',
    summary: 'list circuit breakers, or close one by hand',
    load: () => import('./breakers.ts').then((module) => module.breakersCommand),
  },
  deploy: {
    group: 'Service',
    summary: 'deploy workflow files to a service',
    load: () => import('./deploy.ts').then((module) => module.deployCommand),
  },
  keys: {
    group: 'Service',
    summary: 'make, list and revoke API keys',
    load: () => import('./keys.ts').then((module) => module.keysCommand),
  },
  audit: {
    group: 'Service',
    summary: 'list the audit chain, or verify it',
    load: () => import('./audit.ts').then((module) => module.auditCommand),
  },
};
