import {
  DATA_KINDS,
  encodePng,
  fitPicture,
  type Picture,
  picturesByName,
} from "../data/mod.ts";
import { type Disk, SignetError } from "../env/mod.ts";
import { textAt } from "./run_data.ts";

/** Longer side of a thumbnail, in pixels. */
const SIDE = 64;

/** Pictures of the run's data set as `data:` addresses, by name. */
export async function loadThumbnails(
  disk: Disk,
  config: unknown,
  names: Iterable<string>,
): Promise<{ images: ReadonlyMap<string, string>; note?: string }> {
  const wanted = new Set(names);
  const kind = DATA_KINDS.find((name) =>
    name === textAt(config, "data", "kind")
  );
  if (wanted.size === 0 || kind === undefined) return { images: new Map() };
  try {
    const pictures = await picturesByName(
      disk,
      { kind, path: textAt(config, "data", "path") },
      wanted,
    );
    return {
      images: new Map(
        [...pictures].map(([name, picture]) => [name, dataUrl(picture)]),
      ),
    };
  } catch (error) {
    if (!(error instanceof SignetError)) throw error;
    return { images: new Map(), note: `pictures: ${error.message}` };
  }
}

/** A picture, shrunk to a thumbnail, as the address of a PNG. */
export function dataUrl(picture: Picture, side = SIDE): string {
  const scale = Math.min(1, side / Math.max(picture.width, picture.height));
  const size = {
    width: Math.max(1, Math.round(picture.width * scale)),
    height: Math.max(1, Math.round(picture.height * scale)),
  };
  const { pixels, channels } = fitPicture(picture, { size, fixed: false });
  const plane = size.width * size.height;
  const interleaved = new Uint8Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) {
      interleaved[3 * i + c] = pixels[(channels === 1 ? 0 : c) * plane + i]!;
    }
  }
  return `data:image/png;base64,${encodePng(interleaved, size).toBase64()}`;
}
