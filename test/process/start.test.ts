import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { parseConfig } from '../../src/config.ts';
import { openHome } from '../../src/db/embedded/home.ts';
import { findPostmaster, stopPostmaster } from '../../src/db/embedded/postmaster.ts';
import { startService } from '../../src/service.ts';
import { createTestDatabase } from '../support/database.ts';
import { listen } from '../support/listen.ts';
import { logOf, run, spawnService, workDir } from '../support/process.ts';
import { deliver } from '../support/service.ts';
import { SECRET, stripeEvent } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const { url: DATABASE_URL } = await createTestDatabase();
const stripe = { STRIPE_SECRET_KEY: 'sk_test_123', STRIPE_WEBHOOK_SECRET: SECRET };

/** A program that listens, and says nothing to whoever comes. */
const silentPort = await listen(createServer());

describe('a start that can not succeed ends with exit code 1 and one message', () => {
  async function refusal(env: Record<string, string>, program = 'src/main.ts'): Promise<string> {
    await using refused = run(program, env);
    expect(await refused.ended).toEqual({ code: 1, signal: null });
    const { stdout, stderr } = refused.written;
    expect(stderr.match(/can not start/g)).toHaveLength(1);
    expect(stdout + stderr).not.toMatch(/hunter2/);
    expect(stdout + stderr).not.toMatch(/ at .*:\d+:\d+/);
    return stderr;
  }

  const named = (message: string) => [...message.matchAll(/^ {2}([A-Z_]+) /gm)].map(([, name]) => name);

  test('in production with nothing set: it names all that is missing', async () => {
    expect(named(await refusal({ NODE_ENV: 'production' }))).toEqual([
      'DATABASE_URL',
      'STRIPE_SECRET_KEY',
      'STRIPE_WEBHOOK_SECRET',
    ]);
  });

  test('with several bad variables: it names all of them, and no value', async () => {
    const bad = {
      PORT: 'hunter2',
      DATABASE_URL: 'mysql://shop:hunter2@localhost/shop',
      DATABASE_POOL_MAX: '0',
      STRIPE_SECRET_KEY: 'pk_live_hunter2',
      STRIPE_WEBHOOK_SECRET: 'whsec_hunter2, ,',
      STRIPE_API_BASE: 'https://api.stripe.com/hunter2',
      FULFILLMENT_URL: 'ftp://hunter2@shop.example',
      FULFILLMENT_SECRET: 'hunter2',
      FULFILLMENT_TIMEOUT_MS: '30000',
      SMTP_URL: 'https://shop:hunter2@mail.example',
      MAIL_FROM: 'hunter2',
      ALERT_WEBHOOK_URL: 'hooks.example/hunter2',
      ALERT_MAIL: 'hunter2@ops.example, jenny@ops.example',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'hunter2:4318',
      OTEL_TRACES_SAMPLER: 'hunter2',
      OTEL_TRACES_SAMPLER_ARG: '1.5',
      ROLE: 'hunter2',
      LOG_LEVEL: 'hunter2',
    };
    expect(named(await refusal(bad))).toEqual(Object.keys(bad));
  });

  test('when its port is taken', async () => {
    expect(await refusal({ ...stripe, DATABASE_URL, PORT: String(silentPort) })).toBe(
      `checkout-fulfillment can not start: 127.0.0.1:${silentPort} is taken by another program. Set PORT to another one.\n`,
    );
  });

  test.each(['not a host', '192.0.2.1', 'fe80::1'])(
    'when HOST is no address of this machine: %s',
    async (HOST) => {
      expect(await refusal({ ...stripe, DATABASE_URL, PORT: '0', HOST })).toMatch(/: HOST is no address of /);
    },
  );

  test.each([
    ['nobody listens', 1],
    ['nobody answers', silentPort],
  ])('when its database can not be reached because %s there', async (_why, port) => {
    const url = `postgres://shop:hunter2@127.0.0.1:${port}/shop`;
    expect(await refusal({ ...stripe, DATABASE_URL: url, PORT: '0' })).toMatch(/PostgreSQL .*DATABASE_URL/);
  });

  test('and so does npm run migrate', async () => {
    const production = { NODE_ENV: 'production' };
    expect(named(await refusal(production, 'src/db/migrate-cli.ts'))).toContain('DATABASE_URL');
    const url = 'postgres://shop:hunter2@127.0.0.1:1/shop';
    expect(await refusal({ DATABASE_URL: url }, 'src/db/migrate-cli.ts')).toMatch(
      /PostgreSQL .*DATABASE_URL/,
    );
  });
});

test('the database is reached over a socket as well, also by the commands of knex', async () => {
  const { hostname, port, username, password, pathname } = new URL(DATABASE_URL);
  const socket = createServer((near) => {
    const far = connect(Number(port), hostname);
    near.pipe(far).pipe(near);
    for (const end of [near, far]) end.on('error', () => {});
  });
  await once(socket.listen(path.join(workDir, '.s.PGSQL.5432')), 'listening');
  try {
    const env = {
      ...stripe,
      DATABASE_URL: `postgres://${username}:${password}@${pathname}?host=${workDir}&port=5432`,
    };
    await using _service = await spawnService(env);
    const knexfile = path.resolve('knexfile.ts');
    await using knex = run('node_modules/knex/bin/cli.js', env, ['migrate:list', '--knexfile', knexfile]);
    expect(await knex.ended).toEqual({ code: 0, signal: null });
    expect(knex.written.stdout).toContain('No Pending Migration files Found');
  } finally {
    socket.close();
  }
});

test('a variable that the process was given empty gives way to that of .env', async () => {
  const file = path.join(workDir, '.env');
  await writeFile(file, 'STRIPE_SECRET_KEY=hunter2\nOPS_TOKEN=of-the-file\nPORT=hunter2\n');
  try {
    const env = { DATABASE_URL, STRIPE_SECRET_KEY: '', OPS_TOKEN: ' ', PORT: '0' };
    await using endpoint = run('src/cli.ts', env, ['endpoint', 'create', 'https://pay.example.com/webhook']);
    expect((await endpoint.ended).code).toBe(1);
    expect(endpoint.written.stderr).toMatch(/^ {2}STRIPE_SECRET_KEY must be /m);

    await using service = await spawnService({ ...env, ...stripe });
    expect((await fetch(`${service.url}/ops/api/orders`)).status).toBe(401);
  } finally {
    await rm(file);
  }
});

test.each([
  ['no file', (file: string) => mkdir(file)],
  ['in UTF-16', (file: string) => writeFile(file, 'PORT=0', 'utf16le')],
  ['in Latin-1', (file: string) => writeFile(file, 'SHOP_NAME=Bücherei', 'latin1')],
])('a .env that is there and can not be understood stops the start: %s', async (_what, make) => {
  const file = path.join(workDir, '.env');
  await make(file);
  try {
    await using refused = run('src/main.ts', { ...stripe, DATABASE_URL, PORT: '0' });
    expect(await refused.ended).toEqual({ code: 1, signal: null });
    expect(refused.written.stderr).toMatch(
      /can not start: \.env (can.t be read|is in UTF-16|is not in UTF-8): /,
    );
  } finally {
    await rm(file, { recursive: true });
  }
});

test.each([
  [
    'with a key and no secret: it says that anyone can sign what it takes',
    { STRIPE_SECRET_KEY: 'sk_test_123' },
    'STRIPE_WEBHOOK_SECRET is not set',
  ],
  [
    'without a key, beside a stand-in of your own: it says that no receiver is called',
    { STRIPE_API_BASE: 'http://127.0.0.1:9' },
    'FULFILLMENT_URL is not set: paid orders are only logged',
  ],
])('%s', async (_, env, words) => {
  await using service = await spawnService({ ...env, DATABASE_URL });
  // It comes after the line by which the service is known to listen.
  await until('it warns', () => logOf(service).some(({ level, msg }) => level === 40 && msg.includes(words)));
});

describe('with nothing set', () => {
  const home = () => openHome(path.join(workDir, '.data/postgres'));
  const findServer = async () => findPostmaster(await home());
  const startLock = path.join(workDir, '.data/postgres/start.lock');
  /** So that the embedded server is not stopped: who can't take the lock leaves it running. */
  const breakLock = () => {
    rmSync(startLock);
    mkdirSync(startLock);
  };
  const mend = async () => {
    await rm(startLock, { recursive: true });
    await stopPostmaster(await home());
  };
  const status = async (url: string) => (await fetch(url)).status;

  test('it is a sandbox with a database of its own, which ends with it and is there again after it', async () => {
    // Only so that the test can sign: the sandbox has a secret of its own.
    const env = { STRIPE_WEBHOOK_SECRET: SECRET };
    const event = stripeEvent('invoice.paid', { id: 'in_1', object: 'invoice' });
    try {
      for (const duplicate of [false, true]) {
        await using service = await spawnService(env);
        const { url } = service;
        expect([await status(`${url}/healthz`), await status(`${url}/readyz`)]).toEqual([200, 200]);
        expect(await status(`${url}/sandbox`)).toBe(200);
        expect(await deliver(url, event)).toBe(200);

        const { port } = (await findServer()) as { port: number };
        service.kill('SIGTERM');
        expect(await service.ended).toEqual({ code: 0, signal: null });
        expect(await findServer()).toBeUndefined();
        await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toMatchObject({
          cause: { code: 'ECONNREFUSED' },
        });

        expect(service.written.stderr).toBe('');
        const log = logOf(service);
        const banner = log.map(({ msg }) => msg);
        expect(banner).toContain(`Stripe webhook endpoint: ${url}/webhook`);
        expect(banner).toContain(`pages for operators: ${url}/ops`);
        expect(banner).toContainEqual(expect.stringMatching(/^SANDBOX: /));
        expect(banner).toContainEqual(expect.stringContaining('npm run simulate -- '));
        expect(banner).toContain(`buy something, and break it: ${url}/sandbox`);
        expect(log).toContainEqual(expect.objectContaining({ event_id: event.id, duplicate }));
      }
    } finally {
      await stopPostmaster(await home());
    }
  });

  test('a stop that fails says so in its log, without a stack', async () => {
    await using service = await spawnService({});
    try {
      breakLock();
      service.kill('SIGTERM');
      expect(await service.ended).toEqual({ code: 1, signal: null });
      expect(service.written.stderr).toBe('');
      const reason = `${startLock} can't be locked: unable to open database file`;
      expect(logOf(service).at(-1)).toMatchObject({ level: 50, reason });
    } finally {
      await mend();
    }
  });

  test('a start that fails says why, also where what it began can not be ended', async () => {
    const config = { ...parseConfig({ PORT: String(silentPort) }), dataDir: path.join(workDir, '.data') };
    const log = pino({}, { write: (line: string) => line.includes('PostgreSQL is ready') && breakLock() });
    try {
      await expect(startService(config, log)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    } finally {
      await mend();
    }
  });
});
