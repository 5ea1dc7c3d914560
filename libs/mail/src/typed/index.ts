export * from './address-forms.ts';
export type { Read } from './address-read.ts';
export { addressType, knownTypes } from './address-types.ts';
export * from './dda.ts';
export * from './mixer-mailbox.ts';
export * from './printable-string.ts';
export * from './template.ts';
export * from './typed-address.ts';
export * from './x400.ts';
