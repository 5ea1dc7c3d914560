import { z } from 'zod';

/**
 * Kinds for which no package has the schema: the RabbitMQ operators and the OpenTelemetry operator. Only the fields that are used
 * here, after the operators' own API references; an unknown field is an error.
 */
const metadata = z.strictObject({
  name: z.string().regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/),
  namespace: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
});
const rabbitmqClusterReference = z.strictObject({ name: z.string() });
const quantity = z.string().regex(/^\d+(m|Mi|Gi)?$/);
const resources = z.strictObject({
  requests: z.strictObject({ cpu: quantity, memory: quantity }),
  limits: z.strictObject({ cpu: quantity, memory: quantity }),
});
const args = z.record(z.string(), z.union([z.string(), z.number()])).optional();
const userReference = z.strictObject({ name: z.string() });

function rabbitmq<Spec extends z.ZodType>(kind: string, spec: Spec) {
  return z.strictObject({ apiVersion: z.literal('rabbitmq.com/v1beta1'), kind: z.literal(kind), metadata, spec });
}

export const operatorKinds: Readonly<Record<string, z.ZodType>> = {
  RabbitmqCluster: rabbitmq(
    'RabbitmqCluster',
    z.strictObject({
      replicas: z
        .int()
        .min(1)
        .refine((count) => count % 2 === 1, 'an even number of nodes survives no more than one less'),
      image: z.string(),
      persistence: z.strictObject({ storage: quantity }),
      resources,
      terminationGracePeriodSeconds: z.int(),
      affinity: z.strictObject({
        podAntiAffinity: z.strictObject({
          requiredDuringSchedulingIgnoredDuringExecution: z.array(
            z.strictObject({ labelSelector: z.strictObject({ matchLabels: z.record(z.string(), z.string()) }), topologyKey: z.string() }),
          ),
        }),
      }),
      rabbitmq: z.strictObject({ additionalPlugins: z.array(z.string()), additionalConfig: z.string(), envConfig: z.string() }),
    }),
  ),
  Exchange: rabbitmq(
    'Exchange',
    z.strictObject({
      name: z.string(),
      vhost: z.string(),
      type: z.enum(['direct', 'fanout', 'topic', 'headers']),
      durable: z.boolean(),
      autoDelete: z.boolean(),
      arguments: args,
      rabbitmqClusterReference,
    }),
  ),
  Queue: rabbitmq(
    'Queue',
    z.strictObject({
      name: z.string(),
      vhost: z.string(),
      type: z.literal('quorum'),
      durable: z.literal(true),
      autoDelete: z.literal(false),
      arguments: args,
      rabbitmqClusterReference,
    }),
  ),
  Binding: rabbitmq(
    'Binding',
    z.strictObject({
      vhost: z.string(),
      source: z.string(),
      destination: z.string(),
      destinationType: z.enum(['queue', 'exchange']),
      routingKey: z.string(),
      arguments: args,
      rabbitmqClusterReference,
    }),
  ),
  User: rabbitmq(
    'User',
    z.strictObject({
      tags: z.array(z.enum(['management', 'policymaker', 'monitoring', 'administrator'])).optional(),
      importCredentialsSecret: z.strictObject({ name: z.string() }).optional(),
      rabbitmqClusterReference,
    }),
  ),
  Permission: rabbitmq(
    'Permission',
    z.strictObject({
      vhost: z.string(),
      userReference,
      permissions: z.strictObject({ configure: z.string(), write: z.string(), read: z.string() }),
      rabbitmqClusterReference,
    }),
  ),
  TopicPermission: rabbitmq(
    'TopicPermission',
    z.strictObject({
      vhost: z.string(),
      userReference,
      permissions: z.strictObject({ exchange: z.string(), write: z.string(), read: z.string() }),
      rabbitmqClusterReference,
    }),
  ),
  OpenTelemetryCollector: z.strictObject({
    apiVersion: z.literal('opentelemetry.io/v1beta1'),
    kind: z.literal('OpenTelemetryCollector'),
    metadata,
    spec: z.strictObject({
      mode: z.enum(['deployment', 'daemonset', 'statefulset', 'sidecar']),
      replicas: z.int(),
      serviceAccount: z.string(),
      image: z.string(),
      resources,
      podSecurityContext: z.strictObject({
        runAsNonRoot: z.literal(true),
        runAsUser: z.int(),
        seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
      }),
      securityContext: z.strictObject({
        allowPrivilegeEscalation: z.literal(false),
        readOnlyRootFilesystem: z.literal(true),
        capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
      }),
      env: z.array(
        z.strictObject({
          name: z.string(),
          valueFrom: z.strictObject({ secretKeyRef: z.strictObject({ name: z.string(), key: z.string() }) }),
        }),
      ),
      // The collector's own file: its parts must be those that the pipelines name.
      config: z
        .strictObject({
          receivers: z.record(z.string(), z.unknown()),
          processors: z.record(z.string(), z.unknown()),
          exporters: z.record(z.string(), z.unknown()),
          service: z.strictObject({
            pipelines: z.record(
              z.string(),
              z.strictObject({ receivers: z.array(z.string()), processors: z.array(z.string()), exporters: z.array(z.string()) }),
            ),
          }),
        })
        .refine(
          ({ service, ...parts }) =>
            Object.values(service.pipelines).every(({ receivers, processors, exporters }) =>
              [
                [receivers, parts.receivers],
                [processors, parts.processors],
                [exporters, parts.exporters],
              ].every(([names, known]) => Array.isArray(names) && names.every((name) => Object.hasOwn(known ?? {}, name))),
            ),
          'a pipeline names a part that is not there',
        ),
    }),
  }),
};
