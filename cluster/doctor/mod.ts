export { type Check, checked, type CheckStatus } from "./check.ts";
export { checkDeviceNodes } from "./device_nodes.ts";
export { checkDriverFiles } from "./driver_files.ts";
export { explain, EXPLANATIONS } from "./explain.ts";
export { checkGpu } from "./gpu.ts";
export { judgeCluster } from "./judge_cluster.ts";
export { measureCluster, type RankRates } from "./measure_cluster.ts";
export { checkKernelDriver, type KernelDriver } from "./kernel_driver.ts";
export {
  checkCache,
  checkDisk,
  checkPermissions,
  checkRuntime,
} from "./machine.ts";
export { type MachineView, ownMachine } from "./machine_view.ts";
export { checkNats } from "./nats.ts";
export { checkShaderCache } from "./shader_cache.ts";
export { checkVulkan, type VulkanFindings } from "./vulkan.ts";
export { checkDevices, checkLoader } from "./vulkan_devices.ts";
