import { announce } from '../support/announce.ts';

/**
 * A shop's backend as cheap as it gets: it takes every order and remembers each call. `GET` tells the calls since the
 * last one, as `[id, milliseconds since 1970]`.
 */
let calls: [id: string, at: number][] = [];

announce((req, res) => {
  if (req.method === 'GET') {
    res.end(JSON.stringify(calls));
    calls = [];
    return;
  }
  req.resume().on('end', () => {
    calls.push([req.headers['webhook-id'] as string, performance.timeOrigin + performance.now()]);
    res.writeHead(204).end();
  });
});
