export { createEndpoint, type Endpoint, type EndpointOptions } from './endpoint.ts';
export { createLambdaClient, type LambdaClient, type LambdaClientOptions } from './lambda-client.ts';
