// The adapters for one machine.

export { openDatabase } from '../database.ts';
export { createFolderBlobs, type FolderBlobs } from './folder-blobs.ts';
export { createSqliteStore, type SqliteStore } from './sqlite-store.ts';
