import type { Response } from 'express';
import type { Markup } from './markup.ts';

export async function send(res: Response, page: Markup): Promise<void> {
  res.type('html').send(String(await page));
}
