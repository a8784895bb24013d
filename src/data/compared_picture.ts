import { COMPARED_SIDE } from "./image_cells.ts";
import { fitPicture } from "./image_size.ts";
import type { Picture } from "./picture.ts";
import { toChannels } from "./read_part.ts";

/** A picture in the size that images are compared at, `[channels, 32, 32]`. */
export function comparedPicture(
  picture: Picture,
  channels: number,
): Uint8Array {
  const size = { width: COMPARED_SIDE, height: COMPARED_SIDE };
  return toChannels(fitPicture(picture, { size, fixed: false }), channels);
}
