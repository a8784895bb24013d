import { type Disk, type FileInfo, isLossyName } from "../env/mod.ts";
import {
  checkPictureHeader,
  decodePicture,
  MAX_PICTURE_BYTES,
} from "./decode_picture.ts";
import type { Picture, Size } from "./picture.ts";
import { PictureError } from "./picture_error.ts";
import type { SourcePart } from "./source.ts";

/** A picture file with its class, its path relative to the data set. */
export interface PictureFile {
  path: string;
  /** -1 where unknown. */
  label: number;
}

const PICTURE_NAME =
  /\.(png|jpe?g|jpe|jfif|gif|bmp|webp|tiff?|avif|heic|jp2)$/i;

/** Nearly all files have their size among the first bytes. */
const HEADER_BYTES = 16 * 1024;

/** Hidden names and names of other things are not meant as pictures. */
export function isPictureName(name: string): boolean {
  return !name.startsWith(".") && PICTURE_NAME.test(name);
}

/** The bytes of a picture file, or its first ones. */
async function readFile(
  disk: Disk,
  path: string,
  most = Infinity,
): Promise<Uint8Array<ArrayBuffer>> {
  const info = await disk.stat(path);
  if (info?.kind !== "file") throw new PictureError(whyNone(path, info?.kind));
  if (info.size > MAX_PICTURE_BYTES) {
    throw new PictureError(
      `file has ${info.size} bytes, the limit is ${MAX_PICTURE_BYTES}`,
    );
  }
  try {
    return most < info.size
      ? await disk.readRange(path, 0, most)
      : await disk.read(path);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new PictureError(`file cannot be opened: ${text}`);
  }
}

function whyNone(path: string, kind: FileInfo["kind"] | undefined): string {
  if (kind === "folder") return "it is a folder, whose pictures are not read";
  if (kind !== undefined) return "it is no file";
  return isLossyName(path)
    ? "its name is not UTF-8; rename it"
    : "file does not exist";
}

/** A part whose images are picture files under `root`. */
export function picturePart(
  disk: Disk,
  root: string,
  files: readonly PictureFile[],
): SourcePart {
  return {
    labels: Int32Array.from(files, ({ label }) => label),
    nameOf: (index) => files[index]!.path,
    async read(index): Promise<Picture> {
      return await decodePicture(
        await readFile(disk, resolve(root, files[index]!.path)),
      );
    },
  };
}

/** `path` as seen from `root`, unless it is absolute. */
function resolve(root: string, path: string): string {
  return path.startsWith("/") ? path : `${root}/${path}`;
}

/** Size of an image of a `picturePart`, from its header alone. */
export async function pictureSize(
  disk: Disk,
  root: string,
  path: string,
): Promise<Size> {
  const place = resolve(root, path);
  try {
    return checkPictureHeader(await readFile(disk, place, HEADER_BYTES));
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    // The size may lie further back, behind EXIF data.
    return checkPictureHeader(await readFile(disk, place));
  }
}
