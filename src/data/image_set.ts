/** Labelled or unlabelled images of one size, as bytes. */
export interface ImageSet {
  /** `[count, channels, height, width]`, 0..255. */
  readonly pixels: Uint8Array;
  readonly count: number;
  /** 1 (gray) or 3 (red, green, blue). */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Class of each image; -1 where unknown. */
  readonly labels: Int32Array;
  /** Where an image is from: a file's path in the set, or `file[index]`. */
  nameOf(index: number): string;
}

/** What a data source holds: the published train and test parts. */
export interface DataSet {
  readonly name: string;
  /** Folder that names of images are seen from; absent where these are no files. */
  readonly root?: string;
  readonly classNames: readonly string[];
  readonly train: ImageSet;
  readonly test: ImageSet;
  /** Files that could not be read, with the reason. */
  readonly skipped: readonly {
    part: "train" | "test";
    path: string;
    reason: string;
  }[];
}

/** Which training images play which part; indices into `DataSet.train`. */
export interface Split {
  readonly seed: number;
  readonly labelled: Int32Array;
  /** Without `labelled` and `validation`; its true labels are never trained on. */
  readonly unlabelled: Int32Array;
  readonly validation: Int32Array;
  /** Indices into `DataSet.test`. */
  readonly test: Int32Array;
}
