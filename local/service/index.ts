// The public door of the service on one machine.

export { createLocalService, type LocalService, type LocalServiceOptions } from './local-service.ts';
