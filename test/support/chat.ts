import { text as bodyOf } from 'node:stream/consumers';
import { serve } from './http.ts';

interface Chat {
  readonly url: string;
  /** What was posted, as it came. */
  readonly posts: { readonly text: string }[];
  /** What it answers; 200 unless told. */
  status: number;
}

/** A chat's incoming webhook. */
export async function startChat(): Promise<Chat> {
  const chat = { url: '', posts: [] as { text: string }[], status: 200 };
  const origin = await serve(async (req, res) => {
    chat.posts.push(JSON.parse(await bodyOf(req)));
    res.writeHead(chat.status, chat.status === 302 ? { location: '/elsewhere' } : {}).end('ok');
  });
  chat.url = `${origin}/services/T0/B0/secret`;
  return chat;
}
