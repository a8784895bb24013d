export {
  type Dtype,
  DTYPE_BYTES,
  float32Tensor,
  isReadable,
  type StoredTensor,
  type TensorMap,
  toFloat32,
} from "./dtype.ts";
export {
  readSafetensors,
  readSafetensorsFile,
  readSafetensorsShapes,
  type Safetensors,
  writeSafetensors,
} from "./safetensors.ts";
export {
  type Checkpoint,
  type CheckpointChoice,
  CheckpointMismatchError,
  loadCheckpoint,
  saveCheckpoint,
  type SaveOptions,
} from "./checkpoint.ts";
export {
  bestPointer,
  type CheckpointEntry,
  checkpointsFolder,
  listCheckpoints,
  readPointer,
} from "./checkpoint_list.ts";
export { CheckpointDamagedError } from "./manifest.ts";
export { writePredictions } from "./prediction_table.ts";
export { RunFolder } from "./run_folder.ts";
export { type MetricsLine, readMetrics } from "./metrics.ts";
export { parseCsv, toCsv } from "./csv.ts";
export {
  type ProfilePart,
  type ProfileRow,
  type ProfileSpan,
  writeProfilePart,
  writeTrace,
} from "./profile.ts";
export { describeWire } from "./wire_words.ts";
export {
  describeStraggler,
  findStraggler,
  median,
  type RankMeans,
  slowestRank,
  type Straggler,
} from "./straggler.ts";
