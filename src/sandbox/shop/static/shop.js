// The checkout page reckons anew when something that has a price is changed. Only what follows from it is replaced:
// a person may be typing the next thing.

const form = document.querySelector('form.checkout');
form?.addEventListener('change', ({ target }) => target.matches('[data-reprices]') && reckon());

let reckoning = false;
let again = false;

/** One request at a time, and one more for what was changed meanwhile: the last one tells of all. */
async function reckon() {
  again = true;
  if (reckoning) return;
  reckoning = true;
  while (again) {
    again = false;
    const fresh = await ask();
    if (fresh && !again) show(fresh);
  }
  reckoning = false;
}

/** The page as it would be. Null: nobody answered, or the page is left for another. */
async function ask() {
  const body = new URLSearchParams(new FormData(form));
  body.set('action', 'update');
  const response = await fetch(form.getAttribute('action'), { method: 'POST', body }).catch(() => null);
  if (response?.redirected) location.assign(response.url);
  if (!response?.ok || response.redirected) return null;
  const text = await response.text().catch(() => null);
  return text && new DOMParser().parseFromString(text, 'text/html');
}

function show(fresh) {
  showFault(fresh.querySelector('[role="alert"]'));
  for (const part of form.querySelectorAll('[data-part]')) {
    const newer = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
    const focused = part.contains(document.activeElement) ? document.activeElement.value : null;
    if (newer) part.replaceWith(newer);
    if (focused) newer?.querySelector(`[value="${CSS.escape(focused)}"]`)?.focus();
  }
}

function showFault(fault) {
  document.querySelector('[role="alert"]')?.remove();
  if (fault) form.before(fault);
}
