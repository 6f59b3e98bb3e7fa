import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import gifenc from 'gifenc';
import type { Locator, Page, PageScreenshotOptions } from 'playwright-core';
import { PNG } from 'pngjs';

/** `PICTURES=docs/img npm test -- browser`: where all pictures of README and docs are taken anew. Unset, none is. */
const { PICTURES } = process.env;

export async function picture(page: Page, name: string, options: PageScreenshotOptions): Promise<void> {
  if (PICTURES) await page.screenshot({ ...options, path: path.join(PICTURES, `${name}.png`) });
}

interface Film {
  /** Moves the mouse there: to what is clicked next. */
  point(at: Locator): Promise<void>;
  /** Shows the page as it stands for so many seconds. */
  show(seconds: number): Promise<void>;
  /** As an animated GIF that goes on for ever. */
  save(name: string): Promise<void>;
}

/** What happens on a page, in a few pictures that are shown one after the other. */
export function openFilm(page: Page): Film {
  const frames: { png: Buffer; seconds: number }[] = [];
  return {
    async point(at) {
      if (!PICTURES) return;
      await at.hover();
      const { x = 0, y = 0, width = 0, height = 0 } = (await at.boundingBox()) ?? {};
      // Right of the middle, where it hides no word.
      const place = [x + Math.min(width * 0.85, width - 12), y + height * 0.55];
      await page.evaluate(`(${drawPointer})(${JSON.stringify(place)})`);
    },
    async show(seconds) {
      if (PICTURES) frames.push({ png: await page.screenshot(), seconds });
    },
    async save(name) {
      if (PICTURES) await writeFile(path.join(PICTURES, `${name}.gif`), animate(frames));
    },
  };
}

/** One palette for all, or colours that stay the same would flicker. */
function animate(frames: readonly { png: Buffer; seconds: number }[]): Uint8Array {
  const shots = frames.map(({ png, seconds }) => ({ ...PNG.sync.read(png), delay: seconds * 1_000 }));
  const palette = gifenc.quantize(Buffer.concat(shots.map(({ data }) => data)), 256);
  const gif = gifenc.GIFEncoder();
  for (const [n, { data, width, height, delay }] of shots.entries())
    gif.writeFrame(
      gifenc.applyPalette(data, palette),
      width,
      height,
      n === 0 ? { palette, delay } : { delay },
    );
  gif.finish();
  return gif.bytes();
}

/** Screenshots show no mouse. Runs in the page. */
const drawPointer = `([x, y]) => {
  const pointer = document.querySelector('#pointer') ?? document.body.appendChild(document.createElement('div'));
  pointer.id = 'pointer';
  pointer.ariaHidden = 'true';
  Object.assign(pointer.style, {
    position: 'fixed', left: x + 'px', top: y + 'px', width: '15px', height: '22px', background: '#000',
    clipPath: 'polygon(0 0, 100% 68%, 58% 70%, 80% 97%, 62% 100%, 40% 74%, 0 95%)', pointerEvents: 'none',
  });
}`;
