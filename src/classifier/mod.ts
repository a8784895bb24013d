/**
 * A trained model as a classifier of pictures: one file, one GPU, one process.
 *
 * @module
 */
export {
  fromMetadata,
  isDescribed,
  type ModelInfo,
  toMetadata,
} from "./model_info.ts";
export {
  loadModel,
  type LoadModelOptions,
  type StoredModel,
} from "./load_model.ts";
export { batchesOf, Classifier } from "./classifier.ts";
export { type ClassMap, mapClasses } from "./map_classes.ts";
export { batchesFor, calibrated, type Outputs, runAll } from "./classify.ts";
export { farApart, leastCertain } from "./uncertain.ts";
export { inferModel, type TheirConfig } from "./infer_model.ts";
export {
  readTheirConfig,
  readTheirNormalisation,
  toTheirConfig,
  toTheirPreprocessor,
} from "./hugging_face.ts";
