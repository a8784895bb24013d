import type { Picture, Size } from "./picture.ts";

/** One published part of a data set, its images not yet decoded or resized. */
export interface SourcePart {
  /** Class of each image; -1 where unknown. */
  readonly labels: Int32Array;
  /** Name of an image for messages: a file, or `file[index]`. */
  nameOf(index: number): string;
  /** Throws `PictureError` when the image cannot be read. */
  read(index: number): Picture | Promise<Picture>;
}

/** A data set on disk. */
export interface Source {
  readonly name: string;
  /** Folder that names of images are seen from; absent where these are no files. */
  readonly root?: string;
  readonly classNames: readonly string[];
  readonly channels: 1 | 3;
  readonly train: SourcePart;
  /** Absent in a folder or table without a test part. */
  readonly test: SourcePart | undefined;
  /** Size of every image, when the format fixes it. */
  readonly size: Size | undefined;
  /** Size of an image from its header alone, for sources without a fixed one. */
  sizeOf?(part: SourcePart, index: number): Promise<Size>;
}

/** Several parts of one format, one after the other. */
export function joinParts(parts: readonly SourcePart[]): SourcePart {
  const starts: number[] = [];
  let count = 0;
  for (const part of parts) {
    starts.push(count);
    count += part.labels.length;
  }
  const labels = new Int32Array(count);
  parts.forEach((part, k) => labels.set(part.labels, starts[k]!));
  const locate = (index: number): [SourcePart, number] => {
    let k = parts.length - 1;
    while (starts[k]! > index) k--;
    return [parts[k]!, index - starts[k]!];
  };
  return {
    labels,
    nameOf(index) {
      const [part, inner] = locate(index);
      return part.nameOf(inner);
    },
    read(index) {
      const [part, inner] = locate(index);
      return part.read(inner);
    },
  };
}

/** Some images of a part, in the given order. */
export function pickFrom(
  part: SourcePart,
  indices: ArrayLike<number>,
): SourcePart {
  return {
    labels: Int32Array.from(indices, (index) => part.labels[index]!),
    nameOf: (index) => part.nameOf(indices[index]!),
    read: (index) => part.read(indices[index]!),
  };
}
