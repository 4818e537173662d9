import { request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Client certificate files in the layout that Docker's own clients read from DOCKER_CERT_PATH. */
function certificates(): { ca: Buffer; cert: Buffer; key: Buffer } | undefined {
  const folder = process.env['DOCKER_CERT_PATH'];
  if (folder === undefined || !existsSync(join(folder, 'cert.pem'))) return undefined;
  const read = (name: string): Buffer => readFileSync(join(folder, name));
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
}

/** Whether a Docker engine answers `GET /_ping` at this DOCKER_HOST (`unix://…` or `tcp://…`) within `ms`. */
export async function dockerAnswers(dockerHost: string, ms = 5_000): Promise<boolean> {
  const url = dockerHost.startsWith('unix://') ? undefined : new URL(dockerHost);
  const target =
    url === undefined
      ? { socketPath: dockerHost.slice('unix://'.length) }
      : { host: url.hostname, port: url.port === '' ? 2375 : Number(url.port) };
  const tls = url === undefined ? undefined : certificates();
  const send = tls === undefined ? request : secureRequest;
  return await new Promise((resolve) => {
    const ping = send({ ...target, ...tls, path: '/_ping', signal: AbortSignal.timeout(ms) }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ping.on('error', () => resolve(false));
    ping.end();
  });
}
