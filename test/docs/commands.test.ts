import { spawnSync } from 'node:child_process';
import { cp, symlink } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { freePort } from '../../src/db/embedded/free-port.ts';
import { createTestDatabase } from '../support/database.ts';
import { startBroker } from '../support/nats.ts';
import { openOps } from '../support/ops.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';
import { runFile, startSurroundings, type TestProcess } from '../support/process.ts';
import { scratchDir } from '../support/scratch-dir.ts';
import { until } from '../support/until.ts';
import { commandsOf, pages, root, settings } from './commands.ts';

/** What no test can type, and what stands in for it. */
const ELSEWHERE: readonly (readonly [command: RegExp, standIn: string])[] = [
  [/^npm ci$/, 'run by .ci/run'],
  [/^npm ci --omit/, 'src imports nothing that it leaves out: test/architecture'],
  [/^([A-Z_]+=\S+ )?npm test\b/, 'this is it'],
  [/^npm run (check|format)$/, 'run by .ci/run: what format mends, check refuses'],
  [/^npm run test:faults$/, 'its small doses are test/faults'],
  [/^npm run test:mutants$/, 'by hand: half an hour'],
  [/^npm run bench\b/, 'by hand: minutes, and the whole machine'],
  [/^bench\/install-peers\.sh$/, 'by hand: it installs packages'],
  [/^npm audit$/, 'run by .github/workflows/ci.yml'],
  [/^ops\/verify\.sh$/, 'run by .github/workflows/ci.yml'],
  [/^promtool test rules /, 'run by ops/verify.sh'],
  [/^docker compose /, 'the file is read by ops/verify.sh and test/deploy'],
  [/^kubectl /, 'the manifests are read by ops/verify.sh and test/deploy'],
  [/^systemctl /, 'the unit is read by ops/verify.sh and test/deploy'],
  [/^(npx )?stripe /, 'run by test/sandbox/stripe-cli, or it needs an account'],
  [/^nats(-server)? /, 'test/support/nats plays the broker'],
];

/** Those that are not on every machine. What needs one that is not on this machine is not run. */
const absent = ['curl', 'openssl', 'psql', 'python3'].filter(
  (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0,
);

const all = [...pages, ...settings].flatMap(commandsOf);
const needs = (line: string, program: string) =>
  line.replace('move-database.sh', '$& psql').includes(program);
const typed = all.filter(
  ({ line }) =>
    !ELSEWHERE.some(([command]) => command.test(line)) && !absent.some((program) => needs(line, program)),
);

test('the documentation names commands of every kind, and each exception is one of them', () => {
  expect(all.length).toBeGreaterThan(100);
  expect(ELSEWHERE.filter(([command]) => !all.some(({ line }) => command.test(line)))).toEqual([]);
});

/** What goes on until it is stopped: before its folder goes, or its embedded PostgreSQL would stay. */
const lasting = new Map<string, () => Promise<unknown>>();
afterAll(async () => {
  for (const stop of lasting.values()) await stop();
});

/** A checkout of the reader's own: `.data`, `.env` and new migrations are its alone. */
const checkout = await scratchDir();
for (const part of ['package.json', 'knexfile.ts', 'migrations', 'src', 'examples', 'ops'])
  await cp(path.join(root, part), path.join(checkout, part), { recursive: true });
await symlink(path.join(root, 'node_modules'), path.join(checkout, 'node_modules'));

const { db, env: live, ...surroundings } = await startSurroundings();
const here = openOps(live);
const { url: empty } = await createTestDatabase({ migrated: false });
const event = surroundings.paidEvent();
const order = await insertOrder(db, { checkout_session_id: event.data.object.id });
await insertFulfillment(db, order.id, {
  status: 'dead',
  attempts: 12,
  last_error: 'the receiver answered 500',
});
await db('stripe_events').insert({
  id: event.id,
  type: event.type,
  livemode: false,
  checkout_session_id: event.data.object.id,
  created_at: db.fn.now(),
  outcome: 'applied',
  payload: JSON.stringify(event),
});

const ports = { service: String(await freePort()), receiver: String(await freePort()) };
/** What the reader's terminals have, and what the pages let them `export`. */
const terminal: Record<string, string> = {
  PATH: `${path.dirname(process.execPath)}:${process.env.PATH}`,
  npm_config_update_notifier: 'false',
  OPS_TOKEN: 'only-the-reader-knows',
  NATS_URL: (await startBroker()).url,
};
/** The session that was bought last. */
let bought = '';

/** As it stands on the page, with what the page leaves to its reader filled in. */
function filledIn(line: string): string {
  return line
    .replace(/^curl /, '$&--silent --show-error --fail ')
    .replace(/^(curl .*)https:\/\/<your host>/, `$1http://127.0.0.1:${ports.service}`)
    .replace(/<your host>/, 'pay.example.com')
    .replace(/postgres:\/\/checkout:…@\S+/, empty)
    .replace(/\b4242\b/, ports.service)
    .replace(/\b4300\b/, ports.receiver)
    .replace(/\bsk_(live|test)_…/, 'sk_test_123')
    .replace(/<email>/, 'jenny@example.com')
    .replace(/<order>|<id>|\b42\b/, String(order.id))
    .replace(/\bcs_[^\s"/]+/, isOps(line) ? order.checkout_session_id : bought)
    .replace(/\bevt_\S+/, event.id);
}

const isOps = (line: string) => /\bnpm run (--silent |-s )?ops -- /.test(line);
/** What it does is the same wherever it stands; what other commands do, those before it have prepared. */
const isAlone = (line: string) => isOps(line) || line === 'npm run migrate';
/** Commands that go on until they are stopped, by what they are: a page that starts another one means in its place. */
const LASTING = [
  ['receiver', /\b(node|python3) examples\/(receiver|digital)\S+$/],
  ['consumer', /\bnode examples\/sql-only\S+$/],
  ['service', /\b(npm start|npm run dev|node (--\S+ )*(src|examples)\/\S+)$/],
] as const;
const READY = /(?:listening|receiving) on http|waiting for paid orders/;

/** In a shell; what that starts ends with it. */
function type(line: string, env: Readonly<Record<string, string>>): TestProcess {
  const variables = { ...terminal, ...env };
  return runFile('sh', variables, ['-c', line], { cwd: checkout, detached: true });
}

const commands = [
  ...new Map(
    typed.map((command) => [isAlone(command.line) ? filledIn(command.line) : command, command]),
  ).values(),
];

test.each(commands)('$page: $line', async ({ line }) => {
  if (isOps(line)) return typeOps(line);
  const [what] = LASTING.find(([, command]) => command.test(line)) ?? [];
  const env = {
    PORT: what === 'receiver' ? ports.receiver : ports.service,
    ...(/DATABASE_URL|^npx knex|sql-only/.test(line) && { DATABASE_URL: live.DATABASE_URL }),
  };
  if (what) {
    await lasting.get(what)?.();
    const { written, ended, kill } = type(filledIn(line), env);
    lasting.set(what, () => {
      kill('SIGTERM');
      return ended;
    });
    const failed = ended.then(() => Promise.reject(new Error(`it ended: ${written.stderr}`)));
    failed.catch(() => {});
    await Promise.race([until('it is ready', () => READY.test(written.stdout)), failed]);
    return;
  }
  const [, exported] = /^export (\w+)=/.exec(line) ?? [];
  const { written, ended } = type(filledIn(line) + (exported ? `; printf %s "$${exported}"` : ''), env);
  const { code } = await ended;
  expect({ code, ...written }).toEqual({ ...written, code: 0 });
  if (exported) terminal[exported] = written.stdout;
  bought = /\bcs_test_\w+/.exec(written.stdout)?.[0] ?? bought;
});

/**
 * For a shop with a Stripe account. Named alone, where a command needs more, it is there: that is all that is said. npm and a
 * process cost 0.8 s of CPU each time: most are run in this one, as the shell splits them.
 */
async function typeOps(line: string): Promise<void> {
  const [, plain] =
    /^npm run ops -- ((?:orders|show|retry|close|replay|reconcile) .+)/.exec(filledIn(line)) ?? [];
  if (plain !== undefined) {
    const split = spawnSync('sh', ['-c', `printf '%s\\0' ${plain}`], { encoding: 'utf8' });
    await expect(here(...split.stdout.split('\0').slice(0, -1), '--json')).resolves.toBeDefined();
    return;
  }
  const isBare = /-- (erase|show|retry|replay|endpoint create)$/.test(line);
  const added = isBare ? ' --help' : '';
  const { written, ended } = type(filledIn(line) + added, live);
  const { code } = await ended;
  // 1: there is something that a person should look at.
  expect([0, 1]).toContain(code);
  expect(written.stderr).not.toMatch(/^error:/m);
  expect(written.stdout + written.stderr).not.toBe('');
}
