import { announce } from '../support/announce.ts';

/** Answers without a look at what came: against it, the sender itself is what is measured. */
announce((req, res) => {
  req.resume().on('end', () => {
    res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': 17 }).end('{"received":true}');
  });
});
