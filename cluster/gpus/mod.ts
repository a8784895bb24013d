export {
  devicesIn,
  type Listing,
  type ListProblem,
  type Variables,
} from "./devices_in.ts";
export { type KnownFailure, recogniseFailure } from "./failure_texts.ts";
export { grantedGpus } from "./granted.ts";
export { allowsNamespaces, nodesIn } from "./namespace.ts";
export {
  driverFile,
  type Lookup,
  NVIDIA,
  nvidiaDrivers,
  nvidiaVersion,
  ownNvidiaVersion,
  shaderCacheFolder,
} from "./nvidia.ts";
export { outputOf } from "./output_of.ts";
export {
  checkPlaces,
  type GpuBind,
  hasOwnLoader,
  type Placement,
  type PlaceOptions,
  placeRanks,
} from "./place_ranks.ts";
export { byPreference, usableGpus } from "./preference.ts";
export { canChoose, writeSettings } from "./settings_file.ts";
export {
  ADAPTER_WISHES,
  type AdapterWish,
  DRIVER_FOLDERS,
  type Survey,
  surveyGpus,
} from "./survey.ts";
export {
  DEVICE_KINDS,
  type DeviceKind,
  INCOMPATIBLE_DRIVER,
  INITIALIZATION_FAILED,
  listVulkan,
  type VulkanDevice,
  VulkanError,
  type VulkanList,
} from "./vulkan.ts";
