// The health check of a container that nobody probes from outside: asks the admin port whether the service is ready.
const { ADMIN_PORT = '9090' } = process.env;
const answer = await fetch(`http://127.0.0.1:${ADMIN_PORT}/health/ready`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
process.exit(answer?.ok === true ? 0 : 1);
