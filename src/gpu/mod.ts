export {
  type AdapterFacts,
  Device,
  type DeviceLimits,
  type DeviceOptions,
  type KernelForm,
} from "./device.ts";
export {
  AdapterUnavailableError,
  DeviceLimitError,
  DeviceLostError,
  OutOfMemoryError,
} from "./errors.ts";
export {
  type Constants,
  defineKernel,
  defineRealKernel,
  type Kernel,
  type PipelineUse,
} from "./kernel.ts";
export {
  describeUse,
  DeviceMemory,
  MEMORY_KINDS,
  type MemoryKind,
  type MemoryUse,
} from "./memory.ts";
export { type Cost, type Dispatch } from "./dispatch.ts";
export { Program } from "./program.ts";
export type { ScratchPlan } from "./scratch_plan.ts";
export { clockOffset } from "./clock_offset.ts";
export { compileEarly } from "./compile_early.ts";
export { type Timing, type TimingLevel } from "./timings.ts";
export { readEach } from "./read_each.ts";
export { Readback } from "./readback.ts";
export {
  type Matrix,
  type MatrixLayout,
  matrixLayout,
  TEXTURE_WIDTH,
} from "./texture_layout.ts";
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
