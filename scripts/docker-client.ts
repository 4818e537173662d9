import Docker from 'dockerode';

/** A client for a DOCKER_HOST (`unix://…` or `tcp://…`). Certificates come from DOCKER_CERT_PATH, which the library reads itself. */
export function dockerClient(dockerHost: string): Docker {
  if (dockerHost.startsWith('unix://')) return new Docker({ socketPath: dockerHost.slice('unix://'.length) });
  const url = new URL(dockerHost);
  return new Docker({ host: url.hostname, port: url.port === '' ? 2375 : Number(url.port) });
}
