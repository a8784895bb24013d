import { hasOwnLoader, type Variables } from "../gpus/mod.ts";
import type { Check } from "./check.ts";
import { checkDeviceNodes } from "./device_nodes.ts";
import { checkDriverFiles } from "./driver_files.ts";
import { checkKernelDriver } from "./kernel_driver.ts";
import type { MachineView } from "./machine_view.ts";
import {
  checkDevices,
  checkLoader,
  hasNvidia,
  seeDevices,
} from "./vulkan_devices.ts";

/** What was found out on the way from the kernel's driver to Vulkan's devices. */
export interface VulkanFindings {
  checks: Check[];
  /** The machine has an NVIDIA GPU, whether or not Vulkan shows it. */
  nvidia: boolean;
  /** Environment in which the devices were seen. */
  variables: Variables;
}

/** D1 to D6: all that comes before an adapter. */
export async function checkVulkan(
  machine: MachineView,
): Promise<VulkanFindings> {
  const { check, driver: found } = await checkKernelDriver(machine);
  const checks = [check];
  // Of a GPU that is not wanted nothing needs to work.
  const driver = machine.wish === "cpu" ? undefined : found;
  const seen = await seeDevices(machine, driver);
  let closed = 0;
  if (driver !== undefined) {
    const nodes = await checkDeviceNodes(machine, driver);
    closed = nodes.closed;
    const works = hasNvidia(seen.listing);
    checks.push(nodes.check, await checkDriverFiles(machine, driver, works));
  }
  const ownLoader = await hasOwnLoader(machine.env.disk);
  const { lookup } = machine;
  checks.push(
    checkLoader(seen.listing, ownLoader),
    checkDevices(seen, { lookup, driver, closed }),
  );
  return {
    checks,
    nvidia: driver !== undefined,
    variables: seen.variables,
  };
}
