import type { CatalogEntry } from '../../shared/orchestrate/ports.ts';

/** A workflow of the catalogue. */
export function entryOf(name: string, more: Partial<CatalogEntry> = {}): CatalogEntry {
  const machineArn = `arn:aws:states:us-east-1:000000000000:stateMachine:${name}`;
  return {
    name,
    version: '1',
    description: null,
    execution: 'standard',
    timeoutMs: 300_000,
    input: null,
    inputPaths: [],
    triggers: [],
    source: null,
    machineArn,
    startArn: `${machineArn}:live`,
    undoArn: `${machineArn}-undo:live`,
    ...more,
  };
}
