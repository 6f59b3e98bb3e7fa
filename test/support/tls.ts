import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, globalAgent } from 'node:https';
import { listen } from './listen.ts';

/**
 * Made for these tests and worth nothing elsewhere, good until 2126: openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1
 * -nodes -days 36500 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1
 */
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUAKrq25N9xX0Fb8p
ZztGB62CtMve4E4GpmhJQfYmfW2hRANCAATwFQLQ4Roa573ghf7qYIpIVH9T5qsL
mb+qz0v2S73JVfQoR4dnpJw+VIq/XI6wzNHYBrRGLEwNZnuIyEuqhUuv
-----END PRIVATE KEY-----
`;
const cert = `-----BEGIN CERTIFICATE-----
MIIBkDCCATagAwIBAgIUBgTGu0MkBTD13XxUpbGjxguVv38wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyOTE1MjAzM1oYDzIxMjYxMTA1
MTUyMDMzWjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATwFQLQ4Roa573ghf7qYIpIVH9T5qsLmb+qz0v2S73JVfQoR4dnpJw+
VIq/XI6wzNHYBrRGLEwNZnuIyEuqhUuvo2QwYjAdBgNVHQ4EFgQUqdXGGqN1rmRQ
r+TZg5Yq+sY8decwHwYDVR0jBBgwFoAUqdXGGqN1rmRQr+TZg5Yq+sY8decwDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUC
IQCgTHLrP+rrb0y0KyZbS7YX1fSoUnqeJkpei0e11k5E6gIgbctTXYfB/EaX0sHu
NtGx9aD4S2aOXzx3OZDpuDcLxeQ=
-----END CERTIFICATE-----
`;

/** A server on a free loopback port, gone when the file ends, with a certificate that nobody vouches for. */
export async function serveTls(
  handle: (req: IncomingMessage, res: ServerResponse) => unknown,
): Promise<string> {
  const port = await listen(createServer({ key, cert }, (req, res) => void handle(req, res)));
  return `https://127.0.0.1:${port}`;
}

/** `using` it, this process trusts that certificate until the block ends. */
export function trustTls(): Disposable {
  const { ca } = globalAgent.options;
  globalAgent.options.ca = cert;
  return {
    [Symbol.dispose]() {
      globalAgent.options.ca = ca;
    },
  };
}
