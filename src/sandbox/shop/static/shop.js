// The checkout page reckons anew when something that has a price is changed, and keeps what else was filled in.

const form = document.querySelector('form.checkout');
form?.addEventListener('change', ({ target }) => target.matches('[data-reprices]') && reckon());

async function reckon() {
  const body = new URLSearchParams(new FormData(form));
  body.set('action', 'update');
  const response = await fetch(form.getAttribute('action'), { method: 'POST', body }).catch(() => null);
  if (!response?.ok) return;
  if (response.redirected) return location.assign(response.url);
  const fresh = new DOMParser().parseFromString(await response.text(), 'text/html');
  showFault(fresh.querySelector('[role="alert"]'));
  for (const part of ['summary', 'pay']) {
    const focused = document.activeElement?.getAttribute('name');
    const [now, newer] = [document, fresh].map((page) => page.querySelector(`[data-part="${part}"]`));
    if (!now || !newer) continue;
    now.replaceWith(newer);
    if (focused && document.activeElement === document.body)
      newer.querySelector(`[name="${CSS.escape(focused)}"]`)?.focus();
  }
}

function showFault(fault) {
  document.querySelector('[role="alert"]')?.remove();
  if (fault) form.before(fault);
}
