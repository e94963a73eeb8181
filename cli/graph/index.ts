export { mermaid } from './mermaid.ts';
export { type Outline, outline } from './outline.ts';
export { svg } from './svg.ts';
