import { announce } from '../rivals/announce.ts';

/** A shop's backend that counts: POST tells it of an order, GET says how often it was told, and of how many orders. */
const told = new Set<string>();
let calls = 0;

announce((req, res) => {
  if (req.method === 'GET') return res.end(JSON.stringify({ calls, orders: told.size }));
  req.resume().once('end', () => {
    calls += 1;
    told.add(String(req.headers['webhook-id']));
    res.writeHead(204).end();
  });
});
