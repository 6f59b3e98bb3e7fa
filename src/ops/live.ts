import { setTimeout as pause } from 'node:timers/promises';
import type { RequestHandler, Response } from 'express';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';

/** What a page watches: `orders`, `events`, or `order:42`. */
type Topic = string;

/** For each topic, a text that differs once what a page of it shows has changed; one statement for all of them. */
export type Pulse = (topics: readonly Topic[]) => Promise<ReadonlyMap<Topic, string>>;

interface Listener {
  readonly res: Response;
  readonly topic: Topic;
  seen: string | undefined;
}

export interface Live {
  readonly handler: RequestHandler;
  /** Ends every stream: the server closes when they have ended. */
  stop(): void;
}

const EVERY_MS = 1_000;
/** Proxies drop a connection on which nothing comes for a minute, and this server one that is quiet for 15 s. */
const HEARTBEAT_MS = 10_000;
/** Of one process. A page that gets none is as it was loaded. */
const MOST_LISTENERS = 100;

/**
 * Tells pages that what they show has changed (server-sent events). The database is asked once a second for all of them,
 * and not at all while nobody listens. What changed is not in the message: the page asks for itself again, so there is one
 * way only to see an order, and one check of who may.
 */
export function openLive({ pulse, log }: { pulse: Pulse; log: Logger }): Live {
  const listeners = new Set<Listener>();
  let looking = false;

  async function look(): Promise<void> {
    const asking = [...listeners];
    try {
      const pulses = await pulse([...new Set(asking.map(({ topic }) => topic))]);
      for (const listener of asking) notify(listener, pulses.get(listener.topic));
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'pages could not be kept live');
      // A page whose stream has ended says that it is not live, and comes back in 2 s.
      for (const { res } of asking) res.end();
    }
  }

  async function keepLooking(): Promise<void> {
    looking = true;
    while (listeners.size > 0) {
      await look();
      await pause(EVERY_MS, undefined, { ref: false });
    }
    looking = false;
  }

  function listen(res: Response, topic: Topic): void {
    const listener: Listener = { res, topic, seen: undefined };
    listeners.add(listener);
    const heartbeat = setInterval(() => res.write(':\n\n'), HEARTBEAT_MS);
    res.once('close', () => {
      listeners.delete(listener);
      clearInterval(heartbeat);
    });
    if (!looking) void keepLooking();
  }

  return {
    handler(req, res) {
      if (listeners.size >= MOST_LISTENERS) return void res.status(503).set('Retry-After', '60').end();
      // Without `no-transform` and the last header, proxies hold back what should go out at once.
      res.writeHead(200, {
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-store, no-transform',
        'X-Accel-Buffering': 'no',
      });
      if (req.method === 'HEAD') return void res.end();
      res.write('retry: 2000\n\n');
      listen(res, String(req.query.topic));
    },
    stop() {
      for (const { res } of listeners) res.end();
    },
  };
}

/** Also at the first look: the page may be older than its connection, or have lost it for a while. */
function notify(listener: Listener, pulse = ''): void {
  if (listener.seen !== pulse) listener.res.write('event: changed\ndata:\n\n');
  listener.seen = pulse;
}
