import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { statementsOf } from '../bench/support/readme.ts';
import { dictionaryOf } from './support/dictionary.ts';
import { ops } from './support/ops.ts';
import { insertFulfillment, insertOrder } from './support/orders.ts';
import { startSurroundings } from './support/process.ts';

const root = path.join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const pages = [
  'README.md',
  ...readdirSync(path.join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

/** In a block or in a line: up to its end, or what closes it. */
const OPS_COMMAND = /npm run (?:--silent |-s )?ops -- ([a-z][^`\n)",;]*?)(?=[`\n)",;]|[.:]\s)/g;

const surroundings = await startSurroundings();
const { db } = surroundings;
const { env } = surroundings;
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

test('the runbook has an entry for every alert', () => {
  const alerts = [...read('ops/alerts.rules.yml').matchAll(/alert: (\w+)/g)].map(([, name]) => name);
  const entries = [...read('docs/operating.md').matchAll(/^## (Checkout\w+)$/gm)].map(([, name]) => name);
  expect(entries.toSorted()).toEqual(alerts.toSorted());
});

test('the data dictionary is what the database says of itself', async () => {
  const dictionary = await dictionaryOf(db);
  if (process.env.WRITE_DOCS) writeFileSync(path.join(root, 'docs/data.md'), dictionary);
  expect(read('docs/data.md')).toBe(dictionary);
});

test('every npm script that the documentation names is there', () => {
  const { scripts } = JSON.parse(read('package.json'));
  const named = pages.flatMap((page) =>
    [...read(page).matchAll(/npm run (?:--silent )?([\w:]+)/g)].map(([, name = '']) => name),
  );
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

/** As they stand in the documentation, with what they leave to the reader filled in. */
const commands = [
  ...new Set(pages.flatMap((page) => [...read(page).matchAll(OPS_COMMAND)].map(([, line = '']) => line))),
];

test('the documentation names commands of every kind', () => {
  expect(commands.length).toBeGreaterThan(15);
});

test.each(commands)('npm run ops -- %s', async (line) => {
  const filledIn = line
    .replace(/#.*/, '')
    .replace(/<your host>/, 'pay.example.com')
    .replace(/<email>/, 'jenny@example.com')
    .replace(/<order>|<id>|\b42\b/, String(order.id))
    .replace(/\bcs_\S+/, order.checkout_session_id)
    .replace(/\bevt_\S+/, event.id);
  const args = filledIn.trim().split(/\s+/);
  if (args[0] === 'erase') args.push('--yes');
  // Named alone, where it needs more: that it is there is all that is said.
  const isBare = /^(erase|show|retry|replay|endpoint create)$/.test(filledIn.trim());
  const { code, stdout, stderr } = await ops(env, ...args, ...(isBare ? ['--help'] : []));
  // 1: there is something that a person should look at.
  expect([0, 1]).toContain(code);
  expect(stderr).not.toMatch(/^error:/m);
  expect(stdout + stderr).not.toBe('');
});

test.each(pages.flatMap((page) => statementsOf(read(page))))(
  'PostgreSQL understands: %s',
  async (statement) => {
    const trx = await db.transaction();
    await trx.raw('create role checkout');
    const [{ name }] = (await trx.raw('select current_database() as name')).rows;
    const { command } = await trx.raw(statement.replace('in database checkout', `in database ${name}`));
    await trx.rollback();
    expect(['SELECT', 'UPDATE', 'ALTER']).toContain(command);
  },
);

test('every file that the documentation links to is there', () => {
  const links = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target = '']) =>
      path.join(path.dirname(page), target),
    ),
  );
  expect(links.length).toBeGreaterThan(10);
  const missing = links.filter((target) => !isThere(target));
  expect(missing).toEqual([]);
});

function isThere(target: string): boolean {
  try {
    return readdirSync(path.join(root, path.dirname(target))).includes(path.basename(target));
  } catch {
    return false;
  }
}
