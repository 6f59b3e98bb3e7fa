import request from 'supertest';

/** What a browser keeps of an answer and sends along: name=value. */
export function cookiesOf({ headers }: request.Response): string {
  const set = (headers['set-cookie'] ?? []) as unknown as string[];
  return set.map((cookie) => cookie.split(';', 1)[0]).join('; ');
}

export function formTokenOf({ text }: request.Response): string {
  return /name="form_token" value="([^"]+)"/.exec(text)?.[1] ?? '';
}

/** A browser that has logged in: its cookie, and the token of its forms. */
export async function logIn(url: string, token: string, name = 'Jenny') {
  const form = await request(url).get('/ops/login').expect(200);
  const answer = await request(url)
    .post('/ops/login')
    .set('Cookie', cookiesOf(form))
    .type('form')
    .send({ form_token: formTokenOf(form), name, token });
  const cookie = cookiesOf(answer);
  const page = await request(url).get('/ops').set('Cookie', cookie);
  return { answer, cookie, formToken: formTokenOf(page) };
}
