export { type Check, checked, type CheckStatus } from "./check.ts";
export { checkGpu, checkVulkan } from "./gpu.ts";
export {
  checkCache,
  checkDisk,
  checkPermissions,
  checkRuntime,
} from "./machine.ts";
export { checkNats } from "./nats.ts";
