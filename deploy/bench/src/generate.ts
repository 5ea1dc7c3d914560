export { generatedFiles } from './scaling/generate.ts';
