import { resizeImage } from "./resize.ts";

/** One decoded image, `[channels, height, width]` bytes. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly pixels: Uint8Array;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** `[height, width, channels]` bytes to `[channels, height, width]`. */
export function toPlanar(
  interleaved: Uint8Array,
  { width, height, channels }: Omit<Picture, "pixels">,
): Picture {
  const count = width * height;
  const pixels = new Uint8Array(count * channels);
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < count; i++) {
      pixels[channel * count + i] = interleaved[i * channels + channel]!;
    }
  }
  return { width, height, channels, pixels };
}

/** Resizes to `size`, the whole picture, without keeping its proportions. */
export function resizePicture(picture: Picture, size: Size): Picture {
  const { width, height, channels, pixels } = picture;
  if (width === size.width && height === size.height) return picture;
  const result = new Uint8Array(channels * size.width * size.height);
  for (let channel = 0; channel < channels; channel++) {
    const plane = pixels.subarray(
      channel * width * height,
      (channel + 1) * width * height,
    );
    result.set(
      resizeImage(plane, {
        width,
        height,
        channels: 1,
        toWidth: size.width,
        toHeight: size.height,
        filter: "bilinear",
      }),
      channel * size.width * size.height,
    );
  }
  return { ...size, channels, pixels: result };
}

/** Puts the picture in the middle of `size`, zeros around it. */
export function padPicture(picture: Picture, size: Size): Picture {
  const { width, height, channels, pixels } = picture;
  if (width === size.width && height === size.height) return picture;
  const result = new Uint8Array(channels * size.width * size.height);
  const left = (size.width - width) >> 1;
  const top = (size.height - height) >> 1;
  for (let line = 0; line < channels * height; line++) {
    const channel = Math.floor(line / height);
    const y = top + line % height;
    result.set(
      pixels.subarray(line * width, (line + 1) * width),
      (channel * size.height + y) * size.width + left,
    );
  }
  return { ...size, channels, pixels: result };
}
