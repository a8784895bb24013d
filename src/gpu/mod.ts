export {
  type AdapterFacts,
  AdapterUnavailableError,
  Device,
  DeviceLostError,
  type DeviceOptions,
  type KernelForm,
} from "./device.ts";
export { type Constants, defineKernel, type Kernel } from "./kernel.ts";
export { type Dispatch, Program } from "./program.ts";
export { Readback } from "./readback.ts";
export { TEXTURE_WIDTH } from "./texture_pool.ts";
export {
  elements,
  type ElementType,
  shapeError,
  type Tensor,
  view,
} from "./tensor.ts";
