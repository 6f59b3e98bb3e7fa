import { once } from 'node:events';
import { get } from 'node:http';
import { expect, test } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { createApp } from '../../src/http/app.ts';
import { webhookListener } from '../../src/http/webhook.ts';
import { serve } from '../support/http.ts';
import { recordingLog, silent } from '../support/log.ts';

const broken = express.Router().get('/broken', () => {
  throw new Error('never foreseen');
});
const page = express.Router().get('/page', (_req, res) => void res.json('text'));

test.each(['/page', '/nothing', '/broken', '/%ff'])(
  'whatever is answered (%s), a browser can make nothing of it but data',
  async (path) => {
    const { headers } = await request(createApp([page, broken], silent)).get(path);
    expect(headers).toMatchObject({
      'content-security-policy':
        "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'strict-transport-security': 'max-age=31536000',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
    for (const name of ['x-powered-by', 'etag']) expect(headers).not.toHaveProperty(name);
  },
);

test('nor of the answers to deliveries', async () => {
  const record = () => Promise.reject(new Error('is not called'));
  const app = webhookListener({ record, secrets: [], livemode: false, log: silent }, createApp([], silent));
  for (const method of ['get', 'post'] as const) {
    const { headers } = await request(app)[method]('/webhook');
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff' });
  }
});

test.each(['/PAGE', '/Page', '/pAge/x'])('%s is not /page: proxies tell them apart', async (path) => {
  await request(createApp([page], silent))
    .get(path)
    .expect(404);
});

test('nor is /page#x, which no browser sends', async () => {
  const { hostname, port } = new URL(await serve(createApp([page], silent)));
  const asking = get({ hostname, port, path: '/page#x' });
  const [answer] = await once(asking, 'response');
  expect(answer.resume().statusCode).toBe(404);
});

test('which methods a route has is told to nobody who may not use it', async () => {
  const guarded = express.Router().post('/page', (_req, res) => void res.status(401).end());
  const { headers } = await request(createApp([guarded], silent))
    .options('/page')
    .expect(404);
  expect(headers).not.toHaveProperty('allow');
});

test('an answer that breaks off in its middle is cut off there, and is in the log', async () => {
  const half = express.Router().get('/half', async (_req, res) => {
    await new Promise((sent) => res.write('half', sent));
    throw new Error('in the middle');
  });
  const { log, lines } = recordingLog();
  await expect(request(createApp([half], log)).get('/half')).rejects.toThrow('aborted');
  expect(lines).toEqual([{ level: 'warn', reason: 'in the middle', msg: 'an answer was broken off' }]);
});
