import path from 'node:path';
import { expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { openBrowser, openPage, type RuleSet, violationsOf } from '../support/browser.ts';
import { fillBusyDay } from '../support/busy-day.ts';
import { openShop } from '../support/shop.ts';

const shop = await openShop();
await fillBusyDay(shop.db);
const emptyShop = await openShop();
const browser = await openBrowser();

const looks = {
  light: { viewport: { width: 1280, height: 900 }, colorScheme: 'light' },
  dark: { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: 'light', isMobile: true, hasTouch: true },
} as const;

const { url } = shop.service;
const event = await shop.db('stripe_events').orderBy('received_at', 'desc').first();
const pages = {
  overview: `${url}/ops`,
  'overview of a month': `${url}/ops?range=30d`,
  orders: `${url}/ops/orders`,
  'orders with a faulty filter': `${url}/ops/orders?status=paid&email=jen&amount=1,5&since=2026-11-01`,
  order: `${url}/ops/orders/121`,
  events: `${url}/ops/events`,
  event: `${url}/ops/events/${event.id}`,
  'no conflicts': `${url}/ops/events?outcome=conflict`,
  'no such order': `${url}/ops/orders/4711`,
  'overview of an empty shop': `${emptyShop.service.url}/ops`,
  'orders of an empty shop': `${emptyShop.service.url}/ops/orders`,
};

/** PICTURES=docs/img npm test -- browser/pages: how the pictures of the README are made. */
const pictured = ['overview-light', 'order-dark', 'orders-phone'];

async function picture(page: Page, name: string) {
  const dir = process.env.PICTURES;
  if (dir && pictured.includes(name)) await page.screenshot({ path: path.join(dir, `ops-${name}.png`) });
}

const sidewaysOf = (page: Page) =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');

test.each<[look: keyof typeof looks, rules: RuleSet]>([
  ['light', 'all'],
  ['dark', 'contrast'],
  ['phone', 'all but contrast'],
])('every page, %s: fits its screen, and axe-core finds nothing (%s)', async (look, rules) => {
  const page = await openPage(browser, looks[look]);
  for (const [name, address] of Object.entries(pages)) {
    await page.goto(address);
    await picture(page, `${name}-${look}`);
    expect([name, await sidewaysOf(page)]).toEqual([name, 0]);
    expect([name, await violationsOf(page, rules)]).toEqual([name, []]);
  }
});
