export {
  type AdapterFacts,
  AdapterUnavailableError,
  Device,
  DeviceLostError,
  type DeviceOptions,
  type KernelForm,
} from "./device.ts";
export {
  type Constants,
  defineKernel,
  defineRealKernel,
  type Kernel,
} from "./kernel.ts";
export { type Cost, type Dispatch, Program } from "./program.ts";
export { Readback } from "./readback.ts";
export { TEXTURE_WIDTH } from "./texture_pool.ts";
export {
  bytesOf,
  elements,
  type ElementType,
  type RealType,
  shapeError,
  type Tensor,
  tensorBytes,
  view,
} from "./tensor.ts";
