import { z } from 'zod';

const generator = z.strictObject({
  name: z.string(),
  behavior: z.enum(['create', 'merge']).default('create'),
  literals: z.array(z.string().regex(/^[^=]+=/)).default([]),
  files: z.array(z.string()).default([]),
});

const operation = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('add'), path: z.string(), value: z.unknown() }),
  z.strictObject({ op: z.literal('replace'), path: z.string(), value: z.unknown() }),
  z.strictObject({ op: z.literal('test'), path: z.string(), value: z.unknown() }),
  z.strictObject({ op: z.literal('remove'), path: z.string() }),
]);
export type PatchOperation = z.output<typeof operation>;
export const PatchOperations = z.array(operation).min(1);

/**
 * The part of kustomize that the manifests of this repository keep to. Anything else is an error here, so that a field that this
 * renderer would leave out cannot slip in.
 */
export const Kustomization = z.strictObject({
  apiVersion: z.enum(['kustomize.config.k8s.io/v1beta1', 'kustomize.config.k8s.io/v1alpha1']),
  kind: z.enum(['Kustomization', 'Component']),
  namespace: z.string().optional(),
  resources: z.array(z.string()).default([]),
  components: z.array(z.string()).default([]),
  configMapGenerator: z.array(generator).default([]),
  secretGenerator: z.array(generator).default([]),
  images: z.array(z.strictObject({ name: z.string(), newName: z.string().optional(), newTag: z.string().optional() })).default([]),
  patches: z
    .array(
      z.strictObject({
        target: z.strictObject({
          kind: z.string(),
          name: z.string().optional(),
          labelSelector: z
            .string()
            .regex(/^[^=,]+=[^=,]+$/, 'one label and its value')
            .optional(),
        }),
        patch: z.string(), // a list of JSON patch operations, RFC 6902
      }),
    )
    .default([]),
});
export type Kustomization = z.output<typeof Kustomization>;
export type Generator = z.output<typeof generator>;
