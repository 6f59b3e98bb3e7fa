// What a browser adds to pages that are whole without it: the reader's zone, and what changes meanwhile.

const AGAIN_MS = 3_000;
/** What is said of times, such as how long an order has waited, changes while nothing happens. */
const AGES_MS = 60_000;

tellZone();
for (const live of document.querySelectorAll('main[data-watches]:not([data-watches=""])'))
  watch(live.dataset.watches);

/** The server writes times in the zone that a cookie names. The first page of all is loaded once more with it. */
function tellZone() {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const before = document.cookie;
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not everywhere
  document.cookie = `ops_zone=${encodeURIComponent(timeZone)}; path=/ops; max-age=31536000; samesite=strict`;
  if (document.cookie !== before && document.documentElement.dataset.zone !== timeZone) location.reload();
}

/** Shows what has become of the page whenever the server says that it has changed. A hidden page holds no connection. */
function watch(address) {
  let source = null;
  let refreshing = false;
  let again = false;
  /** The page is up to date, and its stream was refused all the same: the server has none left. */
  let refused = false;

  function open() {
    if (source || document.hidden) return;
    source = new EventSource(address);
    source.onerror = () => {
      say('off', 'Not live: the connection was lost');
      // It comes back by itself unless it was refused. Then the page may want a login as well.
      if (source?.readyState === EventSource.CLOSED) refused ? openLater() : refresh();
    };
    source.addEventListener('changed', refresh);
  }

  function openLater() {
    close();
    setTimeout(open, AGAIN_MS);
  }

  function close() {
    source?.close();
    source = null;
  }

  /** One request at a time, and one more for what came meanwhile. */
  async function refresh() {
    again = true;
    if (refreshing) return;
    refreshing = true;
    let became;
    while (again) {
      again = false;
      became = await loadAnew();
    }
    refreshing = false;
    refused = became === 'shown' && source?.readyState === EventSource.CLOSED;
    if (became === 'shown' && source?.readyState === EventSource.OPEN) say('on', 'Live');
    if (became === 'shown' && !refused) return;
    if (became === 'unanswered') say('off', 'Not live: the page could not be loaded');
    if (became !== 'gone to the login') return openLater();
    close();
    say('off', 'Not live: log in again');
  }

  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  addEventListener('pagehide', close);
  addEventListener('pageshow', open);
  // What a person has marked, such as an error to be copied, would be marked no more.
  setInterval(() => source && getSelection().isCollapsed && refresh(), AGES_MS);
  open();
}

async function loadAnew() {
  const response = await fetch(location.href, { headers: { accept: 'text/html' } }).catch(() => null);
  if (response?.redirected) return 'gone to the login';
  const text = response?.ok ? await response.text().catch(() => null) : null;
  if (text === null) return 'unanswered';
  replaceParts(text);
  return 'shown';
}

function say(state, words) {
  const sign = document.querySelector('.live');
  if (sign.textContent === words) return;
  sign.dataset.live = state;
  sign.textContent = words;
}

/** Puts in place the parts that differ. What a person has opened stays open, and where they are, they stay. */
function replaceParts(text) {
  const fresh = new DOMParser().parseFromString(text, 'text/html');
  for (const part of document.querySelectorAll('[data-part]')) {
    const newer = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
    for (const [i, details] of part.querySelectorAll('details').entries()) {
      newer?.querySelectorAll('details')[i]?.toggleAttribute('open', details.open);
    }
    if (!newer || part.isEqualNode(newer)) continue;
    const hadFocus = part.contains(document.activeElement);
    const focused = hadFocus ? counterpart(document.activeElement, part, newer) : null;
    const scrolled = [...part.querySelectorAll('.scroll')].map(({ scrollTop }) => scrollTop);
    part.replaceWith(newer);
    for (const [i, region] of newer.querySelectorAll('.scroll').entries())
      region.scrollTop = scrolled[i] ?? 0;
    if (hadFocus) (focused ?? document.querySelector('main')).focus({ preventScroll: true });
  }
}

/**
 * The element that takes another one's place in a part that is made anew: of those with the same link, or the same form,
 * or else the same tag, the one as far down. Where the next page begins moves on, so its link is another one each time.
 */
function counterpart(element, part, newer) {
  const href = element.getAttribute('href');
  const action = element.closest('form')?.getAttribute('action');
  let alike = element.localName;
  if (element.rel === 'next') alike = '[rel="next"]';
  else if (href) alike = `[href="${CSS.escape(href)}"]`;
  else if (action) alike = `[action="${CSS.escape(action)}"] button`;
  const place = [...part.querySelectorAll(alike)].indexOf(element);
  return newer.querySelectorAll(alike)[Math.max(place, 0)];
}
