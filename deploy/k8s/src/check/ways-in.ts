import { z } from 'zod';
import { servicePorts } from '../facts.ts';
import { podSpecsOf } from '../kustomize/references.ts';
import type { Manifest } from '../manifest.ts';
import { matches, podLabels, selectorOf } from './selectors.ts';

/** Ways into the gateway: the port's name -> the variable that opens it, and who may come. */
const waysIn = {
  smtp: { variable: 'SMTP_PORT', open: 'to the world' },
  submission: { variable: 'SUBMISSION_PORT', open: 'to the world', secured: true },
  submissions: { variable: 'SUBMISSIONS_PORT', open: 'to the world', secured: true },
  lmtp: { variable: 'LMTP_PORT', open: 'to neighbours' },
  http: { variable: 'HTTP_PORT', open: 'to neighbours' },
  site: { variable: 'SITE_PORT', open: 'to neighbours' },
} as const satisfies Record<string, { variable: string; open: 'to the world' | 'to neighbours'; secured?: true }>;
type WayIn = keyof typeof waysIn;
const names = Object.keys(waysIn) as WayIn[]; // the keys of a constant are its names

const Container = z.looseObject({
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).default([]),
  ports: z.array(z.looseObject({ name: z.string(), containerPort: z.number() })).default([]),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })).default([]),
});
const Volume = z.looseObject({ name: z.string(), secret: z.looseObject({ secretName: z.string() }).optional() });
const Service = z.looseObject({
  type: z.string().default('ClusterIP'),
  ports: z.array(z.looseObject({ name: z.string(), port: z.number(), targetPort: z.union([z.string(), z.number()]) })),
});
const Policy = z.looseObject({
  policyTypes: z.array(z.string()).default([]),
  ingress: z
    .array(
      z.looseObject({
        from: z.array(z.unknown()).optional(),
        ports: z.array(z.looseObject({ port: z.union([z.number(), z.string()]) })).default([]),
      }),
    )
    .default([]),
});
const backend = z.looseObject({ service: z.looseObject({ name: z.string(), port: z.looseObject({ name: z.string() }) }) });
const Ingress = z.looseObject({
  tls: z.array(z.looseObject({ hosts: z.array(z.string()), secretName: z.string() })).default([]),
  rules: z.array(z.looseObject({ host: z.string(), http: z.looseObject({ paths: z.array(z.looseObject({ backend })) }) })),
});

/**
 * Whether each way into the gateway is open from end to end, and to those only who may come: what it listens on is a port of its
 * container, of one Service under its usual number and, where networks are closed, of a policy; submission has a certificate; what is
 * for neighbours is on no load balancer and open to nobody unnamed; an Ingress is inside TLS and leads somewhere.
 *
 * @param manifests of one namespace.
 * @param secrets names of secrets that are made by hand or by an operator.
 * @returns one line for each fault.
 */
export function wayInFaults(manifests: readonly Manifest[], secrets: readonly string[]): string[] {
  const of = (kind: string) => manifests.filter((one) => one.kind === kind);
  const gateway = of('Deployment').find(({ metadata }) => metadata.name === 'gateway');
  if (gateway === undefined) return ['there is no gateway'];
  const [spec] = podSpecsOf(gateway);
  const { env, ports, volumeMounts } = Container.parse(spec?.containers?.[0] ?? {});
  const faults: string[] = [];
  const meets = (one: Manifest) => matches(selectorOf(one) ?? {}, podLabels(gateway));
  const services = of('Service')
    .filter(meets)
    .map((one) => ({ name: one.metadata.name, ...Service.parse(one['spec']) }));
  const policies = of('NetworkPolicy')
    .filter(meets)
    .map((one) => Policy.parse(one['spec']))
    .filter(({ policyTypes }) => policyTypes.includes('Ingress'));
  const rules = policies.flatMap(({ ingress }) => ingress);

  const certificate = env.find(({ name }) => name === 'TLS_CERT')?.value;
  const mount = volumeMounts.find(({ mountPath }) => certificate?.startsWith(`${mountPath}/`));
  const volume = z
    .array(Volume)
    .parse(spec?.volumes ?? [])
    .find(({ name }) => name === mount?.name);
  if (certificate !== undefined && volume?.secret === undefined) faults.push(`gateway: TLS_CERT ${certificate} is in no secret`);

  for (const name of names) {
    const { variable, open } = waysIn[name];
    const say = (what: string) => faults.push(`gateway: ${name} ${what}`);
    const value = env.find((one) => one.name === variable)?.value;
    const port = ports.find((one) => one.name === name);
    const offers = services.flatMap((service) =>
      service.ports.filter(({ targetPort }) => targetPort === name).map((one) => ({ service, ...one })),
    );
    const ways = rules.filter((rule) => rule.ports.some((one) => one.port === name));
    if (value === undefined) {
      if (port !== undefined || offers.length > 0) say(`is offered, and ${variable} opens nothing`);
      continue;
    }
    if ('secured' in waysIn[name] && certificate === undefined) say('is open without a certificate, so nobody can log in');
    if (port === undefined) say('is no port of its container');
    else if (String(port.containerPort) !== value) say(`is port ${port.containerPort}, and ${variable} says ${value}`);
    if (offers.length !== 1) say(offers.length === 0 ? 'is on no Service' : 'is on more than one Service');
    for (const offer of offers) {
      if (offer.port !== servicePorts[name]) say(`is at port ${offer.port} of its Service, not at ${servicePorts[name]}`);
      if (open === 'to neighbours' && offer.service.type !== 'ClusterIP') say(`is on ${offer.service.name}, which is open to the world`);
    }
    if (policies.length === 0) continue; // networks are open
    // Where peer sites are is for the overlay to say; a line alone has none.
    if (ways.length === 0 && name !== 'site') say('is let in by no policy');
    if (open === 'to neighbours' && ways.some(({ from }) => (from ?? []).length === 0)) say('is let in from everywhere');
    if (open === 'to the world' && ways.length > 0 && ways.every(({ from }) => from !== undefined)) say('is let in from some places only');
  }

  for (const { metadata, spec: rest } of of('Ingress')) {
    const { tls, rules: hosts } = Ingress.parse(rest);
    const say = (what: string) => faults.push(`Ingress ${metadata.name}: ${what}`);
    for (const { host, http } of hosts) {
      if (!tls.some((one) => one.hosts.includes(host))) say(`${host} is in clear`);
      for (const path of http.paths) {
        const { name, port } = path.backend.service;
        const there = services.find((one) => one.name === name)?.ports.some((one) => one.name === port.name) ?? false;
        if (!there) say(`there is no Service ${name} with the port ${port.name}`);
      }
    }
    for (const { secretName } of tls) if (!secrets.includes(secretName)) say(`there is no Secret ${secretName}`);
  }
  return faults;
}
