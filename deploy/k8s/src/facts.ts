/** Where things are inside a container. The image knows the first, the manifests mount the others. */
export const paths = {
  app: '/app',
  organization: '/etc/mailrail', // organization.yaml, directory.ldif
  mail: '/var/lib/mailrail', // content and mailboxes, where they are on a volume: one file system, since local delivery is a hard link
  in: '/var/lib/mailrail-in', // folders of the folder gateways
  tls: '/etc/mailrail-tls', // tls.crt, tls.key
} as const;

/** Ports inside a pod. All above 1024: nobody is root there. */
export const ports = { admin: 9090, smtp: 2525, lmtp: 2424, submission: 2587, submissions: 2465, site: 2528, http: 8025 } as const;

/** Ports of the Services, where clients look for them. */
export const servicePorts = { smtp: 25, lmtp: 24, submission: 587, submissions: 465, site: ports.site, http: 80 } as const;

/** Secrets that exist before a line does; k8s/README.md says how they are made. */
export const secrets = {
  broker: 'mailrail-broker', // username, password
  redis: 'mailrail-redis', // password
  gateway: 'mailrail-gateway', // api-key, submission-user, submission-password, perhaps http-access
  site: 'mailrail-site', // secret
  tls: 'mailrail-tls', // tls.crt, tls.key: made by hand, or by cert-manager
  content: 'mailrail-content', // access-key-id, secret-access-key of the bucket
  directory: 'mailrail-directory', // password of who asks the directory
  keda: 'mailrail-keda', // host: URL of the management API with the login of a user that may look; username, password
} as const;

/** What one service needs beyond what all have. */
export interface ServiceFacts {
  memory: { request: string; limit: string };
  /** It reads or writes bodies, and so needs the volume or the bucket that they are in. */
  bodies: boolean;
  directory: boolean; // asks it: label and, with directory servers, the way there
  /** It has the folders of the folder gateways. */
  folders: boolean;
  /**
   * Seconds between SIGTERM and SIGKILL: 20 s of drain and what closing takes; for a listener also the time until no balancer
   * sends it anybody.
   */
  graceSeconds: number;
}

const usual: ServiceFacts = {
  memory: { request: '96Mi', limit: '256Mi' },
  bodies: true,
  directory: false,
  folders: false,
  graceSeconds: 30,
};

const special: Readonly<Record<string, Partial<ServiceFacts>>> = {
  gateway: { memory: { request: '128Mi', limit: '512Mi' }, folders: true, graceSeconds: 45 },
  mta: { bodies: false },
  router: { bodies: false },
  translator: { directory: true },
  categorizer: { memory: { request: '128Mi', limit: '512Mi' }, directory: true }, // holds a directory
  'connectors/smtp': { graceSeconds: 45 },
  'connectors/routing-group': { graceSeconds: 45 },
  'connectors/foreign': { memory: { request: '128Mi', limit: '384Mi' }, directory: true, folders: true },
};

export function factsOf(service: string): ServiceFacts {
  return { ...usual, ...special[service] };
}
