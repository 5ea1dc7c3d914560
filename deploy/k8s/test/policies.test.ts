import { describe, expect, test } from '@jest/globals';
import { imageFaults, policyFaults } from '../src/check/policies.ts';
import { stationFaults } from '../src/check/stations.ts';
import type { Manifest } from '../src/manifest.ts';
import { overlay, overlays, secretsMadeElsewhere, topologyOfOrganization } from './support/overlays.ts';

const all = Object.entries(overlays);

describe('every overlay keeps the policies', () => {
  test.each(all)('%s', (name) => {
    const manifests = overlay(name);
    expect(policyFaults(manifests, secretsMadeElsewhere(manifests))).toEqual([]);
  });
});

describe('every station of every line has all that belongs to it', () => {
  const lines = all.flatMap(([name, some]) => some.map((line) => ({ name, ...line })));
  test.each(lines)('$name: $organization', ({ name, organization, namespace }) => {
    const own = overlay(name).filter(({ metadata }) => metadata.namespace === namespace);
    expect(own.length).toBeGreaterThan(40);
    expect(stationFaults(own, topologyOfOrganization(organization))).toEqual([]);
  });
});

// The mistakes write where no type lets them: that is the point.
// oxlint-disable-next-line typescript/no-explicit-any
type Anything = any;
const container = (manifest: Anything) => manifest.spec.template.spec.containers[0];
const trigger = (scaler: Anything, name: string) => scaler.spec.triggers.find((one: Anything) => one.name === name);

const mistakes: { name: string; kind: string; of?: string; make: (manifest: Anything, all: Manifest[]) => unknown; says: string }[] = [
  {
    name: 'no memory limit',
    kind: 'Deployment',
    make: (one) => delete container(one).resources.limits.memory,
    says: 'no memory in its limits',
  },
  {
    name: 'no CPU request',
    kind: 'Deployment',
    make: (one) => delete container(one).resources.requests.cpu,
    says: 'no cpu in its requests',
  },
  { name: 'no limits at all', kind: 'StatefulSet', make: (one) => delete container(one).resources, says: 'no cpu in its limits' },
  { name: 'no readiness probe', kind: 'Deployment', make: (one) => delete container(one).readinessProbe, says: 'no readinessProbe' },
  { name: 'no liveness probe', kind: 'StatefulSet', make: (one) => delete container(one).livenessProbe, says: 'no livenessProbe' },
  {
    name: 'a writable root',
    kind: 'Deployment',
    make: (one) => (container(one).securityContext.readOnlyRootFilesystem = false),
    says: 'may write to its root',
  },
  { name: 'capabilities kept', kind: 'Job', make: (one) => delete container(one).securityContext.capabilities, says: 'keeps capabilities' },
  {
    name: 'a capability added',
    kind: 'Deployment',
    make: (one) => (container(one).securityContext.capabilities.add = ['NET_RAW']),
    says: 'adds capabilities',
  },
  {
    name: 'privileges',
    kind: 'Deployment',
    make: (one) => delete container(one).securityContext.allowPrivilegeEscalation,
    says: 'may gain privileges',
  },
  { name: 'root', kind: 'Deployment', make: (one) => delete one.spec.template.spec.securityContext.runAsNonRoot, says: 'may run as root' },
  {
    name: 'no seccomp profile',
    kind: 'Job',
    make: (one) => delete one.spec.template.spec.securityContext.seccompProfile,
    says: 'no seccomp profile',
  },
  { name: 'a token', kind: 'Deployment', make: (one) => delete one.spec.template.spec.automountServiceAccountToken, says: 'has a token' },
  { name: 'a token by its account', kind: 'ServiceAccount', make: (one) => delete one.automountServiceAccountToken, says: 'gives a token' },
  {
    name: 'the default account',
    kind: 'Deployment',
    make: (one) => delete one.spec.template.spec.serviceAccountName,
    says: 'no service account of its own',
  },
  {
    name: 'a floating tag',
    kind: 'Deployment',
    make: (one) => (container(one).image = 'mailrail:latest'),
    says: 'latest is a floating tag',
  },
  { name: 'no tag', kind: 'StatefulSet', make: (one) => (container(one).image = 'registry.example:5000/redis'), says: 'has no tag' },
  {
    name: 'no word on its end',
    kind: 'Deployment',
    make: (one) => delete one.spec.template.spec.terminationGracePeriodSeconds,
    says: 'how long it may take to end',
  },
  { name: 'no disruption budget', kind: 'PodDisruptionBudget', make: remove, says: 'has no PodDisruptionBudget' },
  { name: 'a selector that meets nothing', kind: 'Service', make: (one) => (one.spec.selector = { app: 'x' }), says: 'selects no pod' },
  {
    name: 'a port that nobody has',
    kind: 'Service',
    of: 'gateway',
    make: (one) => (one.spec.ports[0].targetPort = 'stmp'),
    says: 'no pod of it has the port stmp',
  },
  { name: 'a ConfigMap that is not there', kind: 'ConfigMap', make: remove, says: 'there is no ConfigMap' },
  {
    name: 'a secret nobody makes',
    kind: 'Deployment',
    of: 'gateway',
    make: (one) => (container(one).env[0].valueFrom.secretKeyRef.name = 'nobodys'),
    says: 'there is no Secret nobodys',
  },
  { name: 'a claim that is not there', kind: 'PersistentVolumeClaim', make: remove, says: 'there is no PersistentVolumeClaim' },
  // What belongs to a station.
  {
    name: 'a station without Deployment',
    kind: 'Deployment',
    of: 'router',
    make: remove,
    says: 'station aq.post-categorization: no Deployment router',
  },
  {
    name: 'a connector without Deployment',
    kind: 'Deployment',
    of: 'connector-smtp-internet',
    make: remove,
    says: 'station connector.internet: no Deployment',
  },
  { name: 'a station without scaler', kind: 'ScaledObject', of: 'mta', make: remove, says: 'station mta: no ScaledObject mta' },
  { name: 'a scaler to zero', kind: 'ScaledObject', of: 'mta', make: (one) => (one.spec.minReplicaCount = 0), says: 'scales to zero' },
  {
    name: 'a scaler of another stage',
    kind: 'ScaledObject',
    of: 'mta',
    make: (one) => (one.spec.scaleTargetRef.name = 'router'),
    says: 'scales router',
  },
  {
    name: 'a scaler at another queue',
    kind: 'ScaledObject',
    of: 'mta',
    make: (one) => (one.spec.triggers.find((trigger: Anything) => trigger.type === 'rabbitmq').metadata.queueName = '3.mta.smtp'),
    says: 'looks at 3.mta.smtp, not at 3.mta',
  },
  {
    name: 'a scaler blind to age',
    kind: 'ScaledObject',
    of: 'mta',
    make: (one) => one.spec.triggers.shift(),
    says: 'does not look at age',
  },
  {
    name: 'scale-in faster than the drain',
    kind: 'ScaledObject',
    of: 'mta',
    make: (one) => (one.spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.policies[0].periodSeconds = 5),
    says: 'its scaler has another pace',
  },
  {
    name: 'a scaler with other bounds',
    kind: 'ScaledObject',
    of: 'mta',
    make: (one) => (one.spec.maxReplicaCount = 50),
    says: 'to 50 pods',
  },
  {
    name: 'a scaler that looks too rarely',
    kind: 'ScaledObject',
    of: 'mta',
    make: (one) => (one.spec.pollingInterval = 300),
    says: 'its scaler has another pace',
  },
  {
    name: 'a scaler that counts on another rate',
    kind: 'ScaledObject',
    of: 'mta',
    make: (one) => (trigger(one, 'rate').metadata.threshold = '500'),
    says: 'has another threshold for rate than 320',
  },
  {
    name: 'a scaler blind to what comes',
    kind: 'ScaledObject',
    of: 'mta',
    make: (one) => (one.spec.triggers = one.spec.triggers.filter((one: Anything) => one.name !== 'rate')),
    says: 'does not look at rate',
  },
  {
    name: 'an average where the ratio is meant',
    kind: 'ScaledObject',
    of: 'mta',
    make: (one) => (trigger(one, 'age').metricType = 'AverageValue'),
    says: 'has another metricType for age than Value',
  },
  {
    name: 'silence taken for nothing to do',
    kind: 'ScaledObject',
    of: 'mta',
    make: (one) => (trigger(one, 'mails').metadata.ignoreNullValues = 'true'),
    says: 'has another ignoreNullValues for mails than false',
  },
  {
    name: 'a query of another stage',
    kind: 'ScaledObject',
    of: 'mta',
    make: (one) => (trigger(one, 'age').metadata.query = trigger(one, 'age').metadata.query.replace('stage="mta"', 'stage="router"')),
    says: 'has another query for age',
  },
  {
    name: 'less of a core than the scaler counts on',
    kind: 'Deployment',
    of: 'mta',
    make: (one) => (container(one).resources.requests.cpu = '50m'),
    says: 'counts on 150m of a core, and its Deployment asks for 50m',
  },
  {
    name: 'replicas set twice',
    kind: 'Deployment',
    of: 'mta',
    make: (one) => (one.spec.replicas = 1),
    says: 'sets the number of replicas, too',
  },
  {
    name: 'killed before the drain',
    kind: 'Deployment',
    of: 'mta',
    make: (one) => (one.spec.template.spec.terminationGracePeriodSeconds = 10),
    says: 'killed before it has drained',
  },
  {
    name: 'a station without alert',
    kind: 'PrometheusRule',
    of: 'mailrail',
    make: (one) =>
      one.spec.groups.splice(
        one.spec.groups.findIndex((group: Anything) => group.name === 'mailrail.mta'),
        1,
      ),
    says: 'station mta: no alert MailrailBadmailNotEmpty',
  },
  {
    name: 'no alert for unrouted mail',
    kind: 'PrometheusRule',
    of: 'mailrail',
    make: (one) => one.spec.groups.pop(),
    says: 'no alert MailrailUnroutedNotEmpty',
  },
  { name: 'a queue that is missing', kind: 'Queue', of: '3.mta', make: remove, says: 'no Queue object for 3.mta' },
  {
    name: 'a queue too many',
    kind: 'Queue',
    of: '3.mta',
    make: (one, docs) => docs.push({ ...one, spec: { ...one.spec, name: 'x' } }),
    says: 'Queue x is not in the topology',
  },
  { name: 'a binding that is missing', kind: 'Binding', make: remove, says: 'bindings, not' },
  { name: 'a user that is missing', kind: 'User', of: 'mta', make: remove, says: 'no User mta' },
  {
    name: 'a wider permission',
    kind: 'Permission',
    of: 'mta',
    make: (one) => (one.spec.permissions.read = '.*'),
    says: 'mta has not the Permission',
  },
  {
    name: 'a wider topic permission',
    kind: 'TopicPermission',
    of: 'mta-mail',
    make: (one) => (one.spec.permissions.write = '.*'),
    says: 'mta has not the TopicPermission',
  },
];

describe('a mistake is seen', () => {
  test.each(mistakes)('$name', ({ kind, of, make, says }) => {
    const manifests = overlay('production');
    const secrets = secretsMadeElsewhere(manifests);
    const one = manifests.find((manifest) => manifest.kind === kind && (of === undefined || manifest.metadata.name === of));
    if (one === undefined) throw new Error(`no ${kind} ${of ?? ''}`);
    make(one, manifests);
    const faults = [...policyFaults(manifests, secrets), ...stationFaults(manifests, topologyOfOrganization('corp'))];
    expect(faults.join('\n')).toContain(says);
  });
});

function remove(one: Manifest, all: Manifest[]): void {
  all.splice(all.indexOf(one), 1);
}

test.each([
  ['redis:8.2.1-alpine', true],
  ['registry.example:5000/mailrail:0.1.0', true],
  [`mailrail@sha256:${'0'.repeat(64)}`, true],
  ['redis', false],
  ['registry.example:5000/redis', false],
  ['redis:latest', false],
  ['redis:8', false],
])('image %s is pinned: %s', (image, pinned) => {
  expect(imageFaults(image).length === 0).toBe(pinned);
});
