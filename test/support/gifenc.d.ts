/** As much of it as the pictures need: the package brings no types. */
declare module 'gifenc' {
  type Palette = readonly (readonly number[])[];
  const gifenc: {
    /** All colours of RGBA pixels, or so many that stand for them. */
    quantize(pixels: Uint8Array, most: number): Palette;
    /** For each pixel, the place of its colour in the palette. */
    applyPalette(pixels: Uint8Array, palette: Palette): Uint8Array;
    GIFEncoder(): {
      writeFrame(
        places: Uint8Array,
        width: number,
        height: number,
        options: { palette?: Palette; delay: number },
      ): void;
      finish(): void;
      bytes(): Uint8Array;
    };
  };
  export default gifenc;
}
