import { expect, test } from '@jest/globals';
import type { PageScreenshotOptions } from 'playwright-core';
import { cutOffOn, openBrowser, openPage, type RuleSet, violationsOf } from '../support/browser.ts';
import { fillBusyDay } from '../support/busy-day.ts';
import { picture } from '../support/pictures.ts';
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

/** Those that the README shows, each to the end of a card. */
const pictures: Readonly<Record<string, PageScreenshotOptions>> = {
  'overview-light': { clip: { x: 0, y: 0, width: 1280, height: 790 } },
  'order-dark': { fullPage: true },
  'orders-phone': {},
};

test.each<[look: keyof typeof looks, rules: RuleSet]>([
  ['light', 'all'],
  ['dark', 'contrast'],
  ['phone', 'all but contrast'],
])('every page, %s: fits its screen, and axe-core finds nothing (%s)', async (look, rules) => {
  const page = await openPage(browser, looks[look]);
  for (const [name, address] of Object.entries(pages)) {
    await page.goto(address);
    const options = pictures[`${name}-${look}`];
    if (options) await picture(page, `ops-${name}-${look}`, options);
    expect([name, await cutOffOn(page)]).toEqual([name, []]);
    expect([name, await violationsOf(page, rules)]).toEqual([name, []]);
  }
});
