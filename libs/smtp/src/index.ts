export * from './client-session.ts';
export * from './client-types.ts';
export { maxLineBytes } from './command-lines.ts';
export { isDomain, isLiteral, maxDomainBytes, maxLocalBytes, type Path, type PathRules, parseMailbox, parsePath } from './path.ts';
export * from './reply.ts';
export * from './server-session.ts';
export * from './server-types.ts';
export * from './site-extension.ts';
export * from './xtext.ts';
