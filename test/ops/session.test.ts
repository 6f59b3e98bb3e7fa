import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { openSessions, SESSION_MS } from '../../src/ops/session.ts';

const sessions = openSessions('a-token-of-the-shop');
afterEach(() => {
  jest.useRealTimers();
});

test('a sealed session is opened again, by any process with the token', () => {
  const session = sessions.begin('Jenny');
  expect(sessions.open(sessions.seal(session))).toEqual(session);
  expect(openSessions('a-token-of-the-shop').open(sessions.seal(session))).toEqual(session);
});

describe('a session is not opened', () => {
  const sealed = sessions.seal(sessions.begin('Jenny'));

  test('when any of its characters is another one', () => {
    for (let i = 0; i < sealed.length; i++) {
      const other = sealed[i] === 'A' ? 'B' : 'A';
      expect(sessions.open(sealed.slice(0, i) + other + sealed.slice(i + 1))).toBeNull();
    }
  });

  test.each([undefined, '', '.', 'x.y', 'e30.', `${sealed.split('.')[0]}`])('%s', (given) => {
    expect(sessions.open(given)).toBeNull();
  });

  test('once the token is another one', () => {
    expect(openSessions('another-token').open(sealed)).toBeNull();
  });

  test('by another process without a token', () => {
    const tokenless = openSessions(null);
    expect(openSessions(null).open(tokenless.seal(tokenless.begin(null)))).toBeNull();
  });

  test('after half a day', () => {
    jest.useFakeTimers({ now: Date.now() });
    const session = sessions.begin('Jenny');
    jest.advanceTimersByTime(SESSION_MS - 1);
    expect(sessions.open(sessions.seal(session))).toEqual(session);
    jest.advanceTimersByTime(1);
    expect(sessions.open(sessions.seal(session))).toBeNull();
  });
});

test('forms of two sessions have two tokens', () => {
  const [one, other] = [sessions.begin('Jenny'), sessions.begin('Jenny')];
  expect(sessions.formToken(one)).not.toBe(sessions.formToken(other));
});
