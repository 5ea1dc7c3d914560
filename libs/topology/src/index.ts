export * from './declare.ts';
export * from './generate.ts';
export * from './move.ts';
export * from './permissions.ts';
export * from './scaling.ts';
export * from './stations.ts';
export * from './topology.ts';
