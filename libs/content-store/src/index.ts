export { type Disk, nextTurn, realDisk, systemCode, tolerating, writeAll, writeAllLater } from './disk.ts';
export { folderMode, makeDurableFolder } from './durable-folder.ts';
export { type FilesystemContentStoreOptions, filesystemContentStore } from './filesystem-content-store.ts';
export { type FlushFolder, folderFlusher } from './folder-flush.ts';
export * from './may-sweep.ts';
export { type MemoryContentStore, memoryContentStore } from './memory-content-store.ts';
export * from './port.ts';
export * from './sweeper.ts';
