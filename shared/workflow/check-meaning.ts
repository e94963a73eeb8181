// What needs the whole file to judge: the passes in order. Each reads the built model and reports; none changes it.

import type { Built } from './build-workflow.ts';
import type { CheckContext } from './check-context.ts';
import { checkDataFlow } from './check-data-flow.ts';
import { checkInputSchemas } from './check-input-schema.ts';
import { checkLimits } from './check-limits.ts';
import { checkNames } from './check-names.ts';
import { checkServices } from './check-services.ts';
import { checkSteps } from './check-steps.ts';
import { checkTriggers } from './check-triggers.ts';
import type { Reporter } from './reporter.ts';
import type { YamlNode } from './yaml-tree.ts';

/** Reports mistakes of meaning, warnings and hints. */
export function checkMeaning(built: Built, root: YamlNode, reporter: Reporter): void {
  const context: CheckContext = { ...built, root, reporter };
  const { makers } = checkNames(context);
  checkServices(context);
  checkSteps(context);
  checkDataFlow(context, makers);
  checkInputSchemas(context);
  checkTriggers(context);
  checkLimits(context);
}
