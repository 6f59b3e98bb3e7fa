import { describe, expect, test } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { failure } from '../../src/ops/api/shapes.ts';
import { openLive } from '../../src/ops/live.ts';
import { opsRouter } from '../../src/ops/router.ts';
import { createStripe } from '../../src/stripe/client.ts';
import { silent } from '../support/log.ts';
import { cookiesOf, formTokenOf, logIn } from '../support/ops-pages.ts';
import { openShop } from '../support/shop.ts';

const TOKEN = 'a-token-of-the-shop';
const shop = await openShop({ OPS_TOKEN: TOKEN });
const { url } = shop.service;
const get = (path: string, cookie = '') => request(url).get(path).set('Cookie', cookie);
const logOut = (cookie: string, form: object) =>
  request(url).post('/ops/logout').set('Cookie', cookie).type('form').send(form);

describe('logging in', () => {
  test('with the token: a session that scripts and other sites have no way to', async () => {
    const { answer, cookie } = await logIn(url, TOKEN);
    expect([answer.status, answer.headers.location]).toEqual([303, '/ops']);
    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(/^ops=\S+; Max-Age=43200; Path=\/ops; Expires=.+; HttpOnly; SameSite=Strict$/),
    ]);
    expect(cookie).not.toContain(TOKEN);
    expect((await get('/ops/login').expect(200)).text).toContain('Log in');
    expect((await get('/ops', cookie).expect(200)).text).toContain('Jenny');
  });

  test('with the token and the blanks that were copied with it', async () => {
    const { answer } = await logIn(url, ` ${TOKEN}\n`);
    expect(answer.status).toBe(303);
  });

  test('a page asked for without a session: the form, and afterwards the page', async () => {
    const asked = await get('/ops/orders?status=paid').expect(303);
    expect(asked.headers.location).toBe('/ops/login?to=%2Fops%2Forders%3Fstatus%3Dpaid');
    const form = await get(String(asked.headers.location)).expect(200);
    expect(form.text).toContain('name="to" value="/ops/orders?status=paid"');
  });

  test.each(['https://evil.example', '//evil.example', '/opsevil', 'javascript:alert(1)'])(
    'a link that would lead to %s afterwards leads to the overview',
    async (to) => {
      const form = await get(`/ops/login?to=${encodeURIComponent(to)}`);
      expect(form.text).toContain('name="to" value="/ops"');
    },
  );

  test('the session of the form alone opens nothing', async () => {
    const form = cookiesOf(await get('/ops/login'));
    await get('/ops', form).expect(303);
    await get('/ops/api/orders', form).expect(401);
  });

  test.each([
    ['प्रिया', 'प्रिया'],
    [' Jenny (nights)', 'Jenny nights'],
    ['jenny@example.com', 'jenny'],
    ['🎉', 'unnamed'],
  ])('as %s: kept with what is done is %s', async (given, name) => {
    const { cookie } = await logIn(url, TOKEN, given);
    expect((await get('/ops', cookie).expect(200)).text).toContain(`<span class="who">${name}</span>`);
  });

  test('from a form of another browser: refused', async () => {
    const [mine, other] = [await get('/ops/login'), await get('/ops/login')];
    const answer = await request(url)
      .post('/ops/login')
      .set('Cookie', cookiesOf(mine))
      .type('form')
      .send({ form_token: formTokenOf(other), name: 'Jenny', token: TOKEN });
    expect([answer.status, answer.headers['set-cookie']]).toEqual([403, undefined]);
  });
});

test('logging out: the browser forgets the session', async () => {
  const { cookie, formToken } = await logIn(url, TOKEN);
  const answer = await logOut(cookie, { form_token: formToken });
  expect([answer.status, answer.headers['set-cookie']]).toEqual([
    303,
    [expect.stringMatching(/^ops=; Path=\/ops; Expires=Thu, 01 Jan 1970/)],
  ]);
});

describe('a form is not taken', () => {
  test.each([
    ['without its token', () => ({}), {}],
    [
      'with the token of another session',
      async () => ({ form_token: (await logIn(url, TOKEN)).formToken }),
      {},
    ],
    ['from another site', (form_token: string) => ({ form_token }), { 'Sec-Fetch-Site': 'cross-site' }],
    [
      'from another host of the site',
      (form_token: string) => ({ form_token }),
      { 'Sec-Fetch-Site': 'same-site' },
    ],
    ['from another origin', (form_token: string) => ({ form_token }), { Origin: 'https://evil.example' }],
    ['from a page without an origin', (form_token: string) => ({ form_token }), { Origin: 'null' }],
  ])('%s', async (_what, formOf, headers) => {
    const { cookie, formToken } = await logIn(url, TOKEN);
    const answer = await logOut(cookie, await formOf(formToken)).set(headers);
    expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('not of this session')]);
  });
});

test('behind a proxy that calls this server by another name, a form is taken all the same', async () => {
  const { cookie, formToken } = await logIn(url, TOKEN);
  await logOut(cookie, { form_token: formToken })
    .set({ 'Sec-Fetch-Site': 'same-origin', Origin: 'https://ops.shop.example' })
    .expect(303);
});

describe('without a session', () => {
  test.each(['/ops', '/ops/orders/42', '/ops/live', '/ops/api/orders'])(
    '%s answers a program 401, also where it follows redirects',
    async (path) => {
      const answer = await fetch(url + path);
      expect([answer.status, failure.parse(await answer.json()).error.code]).toEqual([401, 'unauthorized']);
    },
  );

  test.each([
    ['/ops/orders/42/retry', '/ops/orders/42'],
    ['/ops/orders/42/close', '/ops/orders/42'],
    ['/ops/retry-dead', '/ops'],
    ['/ops/events/evt_1/replay', '/ops/events/evt_1'],
    ['/ops/logout', '/ops'],
  ])('the button that posts to %s leads to the login, and from there to its page', async (path, page) => {
    const answer = await request(url).post(path).expect(303);
    expect(answer.headers.location).toBe(`/ops/login?to=${encodeURIComponent(page)}`);
  });

  test('a POST to the API is refused', async () => {
    await request(url).post('/ops/api/orders/42/retry').expect(401);
  });

  test('a form of another site is refused, and leads nowhere', async () => {
    await request(url).post('/ops/orders/42/retry').set('Sec-Fetch-Site', 'cross-site').expect(401);
  });

  test('the bearer of the token comes in, and of another one does not', async () => {
    for (const scheme of ['Bearer', 'bearer'])
      await request(url).get('/ops').set('Authorization', `${scheme} ${TOKEN}`).expect(200);
    await request(url).get('/ops').set('Authorization', `Bearer ${TOKEN}x`).expect(401);
  });

  test('a bearer needs no form to post from', async () => {
    await request(url).post('/ops/logout').set('Authorization', `Bearer ${TOKEN}`).expect(303);
  });
});

test.each(['orders/42', 'login'])(
  'a link from elsewhere (%s) comes without the cookie, ends no session, and asks once more for itself',
  async (page) => {
    const answer = await get(`/ops/${page}?a=1&b=%22%3E`).set('Sec-Fetch-Site', 'cross-site').expect(200);
    expect(answer.text).toContain(`http-equiv="refresh" content="0; url=/ops/${page}?a=1&amp;b=%22%3E"`);
    expect(answer.headers).not.toHaveProperty('set-cookie');
  },
);

test('pages let in no script, frame or form but their own, and stay in no cache', async () => {
  const { headers } = await get('/ops/login');
  expect(headers['content-security-policy']).toBe(
    "default-src 'none';script-src 'self';style-src 'self';img-src 'self';connect-src 'self';form-action 'self';" +
      "base-uri 'none';frame-ancestors 'none'",
  );
  expect(headers).toMatchObject({
    'cache-control': 'no-store',
    'referrer-policy': 'same-origin',
    'strict-transport-security': 'max-age=31536000',
    'x-content-type-options': 'nosniff',
  });
});

/** The pages alone, as a process of its own would have them. */
function opsApp(guard: { token: string | null; production: boolean }) {
  const live = openLive({ pulse: async () => new Map(), log: silent });
  const stripe = createStripe('sk_test_123', shop.stripe.url);
  return express().use(opsRouter({ ...guard, db: shop.db, stripe, live, mode: 'test', log: silent }));
}

test('in production the cookie goes over HTTPS alone, and whoever calls without is told', async () => {
  const form = await request(opsApp({ token: TOKEN, production: true })).get('/ops/login');
  expect(form.headers['set-cookie']).toEqual([expect.stringMatching(/^__Secure-ops=.+; Secure; /)]);
  const withoutCookie = await request(opsApp({ token: TOKEN, production: true }))
    .post('/ops/login')
    .type('form')
    .send({ form_token: formTokenOf(form), name: 'Jenny', token: TOKEN })
    .expect(403);
  expect(withoutCookie.text).toContain('over HTTPS alone');
});

test('guessing is slowed down: after five wrong tokens the form takes none, but a bearer of the right one comes in', async () => {
  const app = opsApp({ token: TOKEN, production: false });
  const form = await request(app).get('/ops/login');
  const guess = (token: string) =>
    request(app)
      .post('/ops/login')
      .set('Cookie', cookiesOf(form))
      .type('form')
      .send({ form_token: formTokenOf(form), name: 'Jenny', token });
  for (let i = 0; i < 5; i++) expect((await guess(`guess ${i}`)).status).toBe(401);
  const refused = await guess(TOKEN);
  expect([refused.status, refused.headers['set-cookie']]).toEqual([429, undefined]);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(50);
  await request(app).get('/ops/nothing').set('Authorization', `Bearer ${TOKEN}`).expect(404);
});

describe('without a configured token', () => {
  const app = opsApp({ token: null, production: false });

  test('this machine is let in, and nobody in production', async () => {
    await request(app).get('/ops/nothing').expect(404);
    for (const path of ['/ops', '/ops/login'])
      await request(opsApp({ token: null, production: true }))
        .get(path)
        .expect(403);
  });

  test('there is nothing to log in with: the form leads to the pages', async () => {
    await request(app).get('/ops/login').expect(303).expect('Location', '/ops');
  });

  test('a site that gives its own name this address is not', async () => {
    await request(app).get('/ops/nothing').set('Host', 'evil.example').expect(403);
    await request(app).get('/ops/nothing').set('Host', 'localhost:4242').expect(404);
  });

  test('a page elsewhere can post nothing to it', async () => {
    await request(app).post('/ops/logout').expect(403);
  });

  test.each(['post', 'delete'] as const)(
    'the API takes no %s: 403, and it says what would be',
    async (method) => {
      const answer = await request(app)[method]('/ops/api/orders/1/retry').expect(403);
      expect(failure.parse(answer.body).error).toEqual({
        code: 'forbidden',
        message: expect.stringContaining('Bearer'),
      });
    },
  );
});
