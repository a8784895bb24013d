/**
 * Image sets: reading them from disk, splitting them, and the order of training.
 *
 * @module
 */
export type { DataSet, ImageSet, Split } from "./image_set.ts";
export { DATA_KINDS, type DataKind, locateData } from "./locate.ts";
export { type DataOptions, loadDataSet } from "./load_data_set.ts";
export { checkLayout } from "./check_layout.ts";
export { splitDataSet, type SplitOptions } from "./split.ts";
export {
  HAND_LABELS,
  loadSplitData,
  saveSplit,
  type SplitData,
} from "./split_data.ts";
export { splitFromJson, splitToJson } from "./split_json.ts";
export { type LabelledPart, openLabelled } from "./labelled_part.ts";
export { picturesByName } from "./pictures_by_name.ts";
export { picturesAt } from "./pictures_at.ts";
export {
  readBatches,
  type ReadOptions,
  type SkippedImage,
} from "./read_part.ts";
export type { SourcePart } from "./source.ts";
export { findDuplicates, type ImagePlace } from "./duplicates.ts";
export { type Duplicate, findDuplicateGroups } from "./duplicate_groups.ts";
export { detectKind } from "./detect_kind.ts";
export { hashDataSet } from "./hash_data_set.ts";
export { Sampler } from "./sampler.ts";
export {
  checkDataSet,
  type DataReport,
  type PartReport,
} from "./data_check.ts";
export {
  type ResizeFilter,
  resizeImage,
  type ResizeOptions,
} from "./resize.ts";
export { encodePng } from "./encode_png.ts";
export { decodePicture } from "./decode_picture.ts";
export { fitPicture } from "./image_size.ts";
export type { Picture, Size } from "./picture.ts";
export { PictureError } from "./picture_error.ts";
