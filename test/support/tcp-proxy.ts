import { connect, createServer, type Socket } from 'node:net';
import { listen } from './listen.ts';

interface TcpProxy {
  /** The server's URL, by way of the proxy. */
  readonly url: string;
  /** From now on the connections that are open lead nowhere, and nobody is told. New ones are as before. */
  swallow(): void;
  /** They stand still until `goOn`, and nothing is lost. New ones are as before. */
  standStill(): void;
  goOn(): void;
  /** The connections that are open end with a reset. */
  reset(): void;
  /**
   * What becomes of new connections: they lead to the server, there after a while, there but for their end, of which nobody
   * hears, nowhere, or end with a reset.
   */
  manner: 'forward' | 'delay' | 'keep' | 'swallow' | 'reset';
  /** New connections lead to that server, as those to a floating address do. */
  leadTo(serverUrl: string): void;
}

/** Less than a delivery lets one connection take, and twice it is more than it lets two. */
const DELAY_MS = 1_600;

export async function startTcpProxy(serverUrl: string): Promise<TcpProxy> {
  let target = new URL(serverUrl);
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    if (proxy.manner === 'reset') return void near.resetAndDestroy();
    if (proxy.manner === 'swallow') return void near.resume();
    const far = connect(Number(target.port), target.hostname).on('error', () => near.destroy());
    if (proxy.manner === 'delay') setTimeout(() => near.pipe(far), DELAY_MS);
    else near.pipe(far);
    far.pipe(near, { end: proxy.manner !== 'keep' });
    const pair = [near, far] as const;
    pairs.add(pair);
    near.on('close', () => {
      pairs.delete(pair);
      far.destroy();
    });
  });
  const near = new URL(serverUrl);
  near.port = String(await listen(server));
  const proxy: TcpProxy = {
    url: near.href,
    manner: 'forward',
    swallow() {
      for (const [near, far] of pairs) {
        near.unpipe(far).resume();
        far.unpipe(near).resume();
      }
    },
    standStill() {
      for (const [near, far] of pairs) {
        near.unpipe(far);
        far.unpipe(near);
      }
    },
    goOn() {
      for (const [near, far] of pairs) {
        near.pipe(far);
        far.pipe(near);
      }
    },
    reset() {
      for (const [near] of pairs) near.resetAndDestroy();
    },
    leadTo(url) {
      target = new URL(url);
    },
  };
  return proxy;
}
