import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { downloadOf, linkOf } from '../../examples/digital-delivery/links.ts';
import { startExample } from '../support/example.ts';
import { FULFILLMENT_SECRET } from '../support/receiver.ts';
import { scratchDir } from '../support/scratch-dir.ts';
import { openShop } from '../support/shop.ts';
import { events } from '../support/stripe-events.ts';

const LINK_SECRET = 'a secret that nobody else knows, at all';

const cwd = await scratchDir();
const example = await startExample('digital-delivery/server.ts', {
  cwd,
  env: { PORT: '0', FULFILLMENT_SECRET, LINK_SECRET },
  ready: /receiving on (\S+)/,
});
afterAll(async () => {
  await example[Symbol.asyncDispose]();
});
const [, url = ''] = example.match;
const shop = await openShop({ FULFILLMENT_URL: url });

test('links of what was paid for, for whoever knows the session, and for nobody before the money is there', async () => {
  await mkdir(path.join(cwd, 'files'));
  await writeFile(path.join(cwd, 'files', 'prod_0.zip'), 'the song');
  const session = shop.checkout();
  const downloads = async () =>
    (await fetch(new URL(`/downloads?session_id=${session.id}`, url))).json() as Promise<{ url: string }[]>;

  expect(await downloads()).toEqual([]);
  await shop.service.deliver(events.completedPaid(session));
  await shop.atRest(session.id);
  const [song, ...rest] = await downloads();
  expect([song, rest]).toMatchObject([{ description: 'Mug No. 0' }, [{ description: 'Mug No. 1' }]]);

  const file = await fetch(new URL(song?.url ?? '', url));
  expect([file.status, await file.text()]).toEqual([200, 'the song']);
  // One of 1,024 ends with AA already.
  const altered = (song?.url ?? '').replace(/..$/, (end) => (end === 'AA' ? 'BA' : 'AA'));
  expect((await fetch(new URL(altered, url))).status).toBe(403);
});

test('a link ends when its time is over, and with another secret it is none', () => {
  const link = linkOf({ product: 'prod_0', expires: 1_000 }, LINK_SECRET);
  expect(downloadOf(link, LINK_SECRET, 999)).toEqual({ product: 'prod_0', expires: 1_000 });
  expect(downloadOf(link, LINK_SECRET, 1_000)).toBeNull();
  expect(downloadOf(link, `${LINK_SECRET}!`, 999)).toBeNull();
  expect(downloadOf('', LINK_SECRET, 999)).toBeNull();
});
