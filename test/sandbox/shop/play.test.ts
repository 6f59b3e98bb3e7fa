import { expect, test } from '@jest/globals';
import { openJournal } from '../../../src/sandbox/shop/journal.ts';
import { landOn } from '../../../src/sandbox/shop/play.ts';
import { serve } from '../../support/http.ts';

const url = await serve((_req, res) => {
  res.writeHead(200, { 'content-length': 100 });
  res.write('{"status":', () => res.destroy());
});

test('an answer to the success page that breaks off is told, and the customer goes on', async () => {
  const journal = openJournal();
  await landOn({ journal, opsToken: null }, 'cs_test_a1', url);
  expect(journal.episode('cs_test_a1').deeds).toMatchObject([{ by: 'shop', tone: 'bad' }]);
});
