import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { statementsOf } from '../../bench/support/readme.ts';
import { createTestDatabase } from '../support/database.ts';
import { dictionaryOf } from '../support/dictionary.ts';
import { variablesIn } from '../support/variables.ts';
import { pages, read, root, settings } from './commands.ts';

const { db } = await createTestDatabase();

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
    [...read(page).matchAll(/npm run (?:--silent |-s )?([\w:]+)/g)].map(([, name = '']) => name),
  );
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

test('every variable that a page sets is one that the service reads', () => {
  const variables = variablesIn(read('.env.example'));
  const blocks = pages.flatMap((page) =>
    [...read(page).matchAll(/^```ini\n(.*?)^```$/gms)].map(([, block = '']) => block),
  );
  const set = blocks.flatMap(variablesIn);
  expect(set.length).toBeGreaterThan(10);
  expect(set.filter((name) => !variables.includes(name))).toEqual([]);
});

/** Within a line, of any page and of the alerts; whole ones in blocks. */
const statements = [...pages, ...settings].flatMap((page) => [
  ...statementsOf(read(page)),
  ...[...read(page).matchAll(/`((?:select|update|create role|alter|grant) [^`]+)`/g)].map(
    ([, inline = '']) => inline,
  ),
]);

test.each(statements)('PostgreSQL understands: %s', async (statement) => {
  const trx = await db.transaction();
  await trx.raw('create role checkout');
  const [{ name }] = (await trx.raw('select current_database() as name')).rows;
  const filledIn = statement
    .replace('in database checkout_fulfillment', `in database ${name}`)
    .replace(/= …$/, '= 1')
    .replace(/to …$/, 'to checkout')
    .replace('anon, authenticated', 'checkout');
  const { command } = await trx.raw(filledIn).finally(() => trx.rollback());
  expect(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'ALTER', 'CREATE', 'GRANT']).toContain(command);
});

test('every file that the documentation links to is there, and every heading', () => {
  const links = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)].map(([, file = '', heading]) => ({
      target: file === '' ? page : path.join(path.dirname(page), file),
      heading,
    })),
  );
  expect(links.length).toBeGreaterThan(10);
  const missing = links.filter(
    ({ target, heading }) =>
      !existsSync(path.join(root, target)) || (heading !== undefined && !anchorsOf(target).includes(heading)),
  );
  expect(missing).toEqual([]);
});

/** As GitHub names a page's headings. */
function anchorsOf(page: string): string[] {
  return [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
