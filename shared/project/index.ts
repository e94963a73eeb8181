// What a workflow file needs of the files beside it. Reads files; loaded only by those that compile.

export { ProtoFileError, readProtos } from './read-proto.ts';
