// The public door of the demo services.

export { DEFAULT_GRPC_PORT, DEFAULT_HTTP_PORT, type DemoServices, startDemoServices } from './demo-services.ts';
