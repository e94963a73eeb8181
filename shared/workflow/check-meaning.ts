// What needs the whole file to judge: the passes in order.

import type { Built } from './build-workflow.ts';
import type { Reporter } from './reporter.ts';
import type { YamlNode } from './yaml-tree.ts';

/** Reports mistakes of meaning, warnings and hints. */
export function checkMeaning(_built: Built, _root: YamlNode, _reporter: Reporter): void {}
