export { assertClose, type Tolerance } from "./assert_close.ts";
export { checkLoss, rowWeightsOf } from "./check_loss.ts";
export { type LinkedRanks, linkRanks } from "./linked_ranks.ts";
export { leasesInMemory } from "./leases_in_memory.ts";
export { fromBfloat16, toBfloat16 } from "./narrow.ts";
export { gaussian, stored, uniform } from "./random.ts";
export { writeTinyCifar } from "./tiny_data.ts";
export {
  plainPlan,
  randomImages,
  viewsByReference,
  type ViewsCase,
  viewsOnGpu,
} from "./views.ts";
export { contentsOf } from "./contents_of.ts";
export { copyFolder } from "./copy_folder.ts";
export { type Death, type MortalRun, runMortal } from "./mortal_world.ts";
export {
  openTiny,
  PHASES,
  runTiny,
  tinyConfig,
  type TinyEngines,
  type TinyRun,
} from "./tiny_engine.ts";
export {
  gzip,
  idxFile,
  join,
  plainPng,
  pngChunk,
  pngFile,
  tarEntry,
  type TarItem,
  tarOf,
  toBytes,
  withFiles,
} from "./data_files.ts";
export { type DelayProxy, startDelayProxy } from "./delay_proxy.ts";
