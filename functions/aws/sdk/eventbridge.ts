// What is used of EventBridge: loaded when it is first needed.

export { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
