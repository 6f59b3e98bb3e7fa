import { type AddressInfo, createServer, type Socket } from 'node:net';

/**
 * A mail server as cheap as it gets: it takes every mail and keeps none. The `smtp-server` package costs more than all
 * that is measured here.
 */
const server = createServer(serve).listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ msg: `listening on smtp://127.0.0.1:${port}` })}\n`);
});

const END = '\r\n.\r\n';

function serve(socket: Socket): void {
  let partial = '';
  let inMail = false;
  socket.setNoDelay().on('error', () => {});
  socket.write('220 mailbox\r\n');
  socket.on('data', (chunk: Buffer) => {
    partial += chunk.toString('latin1');
    const end = inMail ? END : '\r\n';
    if (!partial.endsWith(end)) return;
    const isData = !inMail && /^DATA\r/i.test(partial);
    socket.write(isData ? '354 go on\r\n' : '250 ok\r\n');
    inMail = isData;
    partial = '';
  });
}
