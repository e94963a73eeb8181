// A workflow as a drawing: Mermaid text, or one SVG. Pure.

export { mermaid } from './mermaid.ts';
export { type Outline, outline } from './outline.ts';
export { svg } from './svg.ts';
