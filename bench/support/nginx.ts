import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePort } from '../../src/db/embedded/free-port.ts';
import { startPeer } from './peer.ts';
import type { Server } from './process.ts';

/** nginx before some web processes, as docs/scaling.md has it in production. */
export async function startNginx(dir: string, upstreams: readonly string[]): Promise<Server> {
  const home = path.join(dir, 'nginx');
  mkdirSync(home, { recursive: true });
  const port = await freePort();
  const config = path.join(home, 'nginx.conf');
  writeFileSync(config, configuration(home, port, upstreams));
  const logFile = path.join(dir, 'nginx.log');
  const peer = await startPeer('nginx', ['-p', home, '-e', 'stderr', '-c', config], { port, logFile });
  return { ...peer, url: `http://127.0.0.1:${port}` };
}

function configuration(home: string, port: number, upstreams: readonly string[]): string {
  const servers = upstreams.map((url) => `    server ${new URL(url).host} max_fails=0;`).join('\n');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${home}/${name};`)
    .join('\n');
  return `daemon off;
pid ${home}/nginx.pid;
error_log stderr warn;
worker_processes auto;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
${temporary}
  access_log ${home}/access.log combined buffer=64k flush=1s;
  upstream checkout_fulfillment {
    least_conn;
${servers}
    keepalive 64;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    # The service's own limit is 1 MiB, and its own 413 says so in JSON.
    client_max_body_size 2m;
    client_body_buffer_size 64k;
    location / {
      proxy_pass http://checkout_fulfillment;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      # A process that is gone or stops: the next one. A delivery may be repeated, since an event counts once.
      proxy_next_upstream error timeout non_idempotent;
      proxy_next_upstream_tries 2;
      proxy_next_upstream_timeout 5s;
      proxy_connect_timeout 1s;
      proxy_read_timeout 6s;
    }
  }
}
`;
}
