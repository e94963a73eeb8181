// What every pass of the check gets.

import type { Built } from './build-workflow.ts';
import type { Reporter } from './reporter.ts';
import type { YamlNode } from './yaml-tree.ts';

export interface CheckContext extends Built {
  root: YamlNode;
  reporter: Reporter;
}
