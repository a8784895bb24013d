import { type Env, EnvironmentError } from "../../src/env/mod.ts";
import { devicesIn, type Listing, type Variables } from "./devices_in.ts";
import { recogniseFailure } from "./failure_texts.ts";
import { grantedGpus } from "./granted.ts";
import {
  driverFile,
  type Lookup,
  nvidiaDrivers,
  ownNvidiaVersion,
  shaderCache,
} from "./nvidia.ts";
import { byPreference, usableGpus } from "./preference.ts";
import type { VulkanDevice } from "./vulkan.ts";

/** What a run computes on: a GPU where there is one, or always one of the two. */
export const ADAPTER_WISHES = ["auto", "gpu", "cpu"] as const;
export type AdapterWish = typeof ADAPTER_WISHES[number];

/** What this machine computes on, and how a process comes to see it. */
export interface Survey {
  /** Environment in which `devices` are seen. */
  variables: Variables;
  /** Version of the Vulkan loader. */
  loader: string;
  /** All devices, the one that an unbound process takes first. */
  devices: readonly VulkanDevice[];
  /** GPUs of the job that a rank may have for itself; none on a CPU adapter. */
  usable: readonly VulkanDevice[];
}

/** Folders that name the drivers, in the loader's order. */
export const DRIVER_FOLDERS = [
  "/etc/vulkan/icd.d",
  "/usr/local/share/vulkan/icd.d",
  "/usr/share/vulkan/icd.d",
];
/** Files of drivers that compute on the CPU. */
const CPU_DRIVER = /(?:lvp|swiftshader).*\.json$/;

/**
 * Looks what ranks of this machine can compute on.
 *
 * @throws {EnvironmentError} If there is no device, or not what is wished for.
 */
export async function surveyGpus(
  env: Env,
  { wish, lookup }: { wish: AdapterWish; lookup: Lookup },
): Promise<Survey> {
  const version = wish === "cpu" ? undefined : await ownNvidiaVersion();
  const common = {
    DENO_WEBGPU_BACKEND: "vulkan",
    XDG_RUNTIME_DIR: lookup("XDG_RUNTIME_DIR") ?? "/tmp",
    ...(version === undefined ? {} : await shaderCache(env.disk, lookup)),
  };
  const attempts = version === undefined ? [{}] : nvidiaDrivers(lookup);
  let last: Listing | undefined;
  for (const attempt of attempts) {
    const variables = { ...common, ...attempt };
    last = await devicesIn(variables);
    const devices = byPreference(last.list?.devices ?? []);
    const usable = await grantedGpus(usableGpus(devices), lookup);
    if (wish === "cpu" && usable.length > 0) {
      return await cpuSurvey(env, common);
    }
    const enough = version === undefined && wish !== "gpu" ? devices : usable;
    if (last.list !== undefined && enough.length > 0) {
      return { variables, loader: last.list.loader, devices, usable };
    }
  }
  throw nothingUsable(last!, { version });
}

/** Where GPUs are there too, their drivers are left out. */
async function cpuSurvey(env: Env, common: Variables): Promise<Survey> {
  const files: string[] = [];
  for (const folder of DRIVER_FOLDERS) {
    if (await env.disk.stat(folder) === undefined) continue;
    for (const { name } of await env.disk.list(folder)) {
      if (CPU_DRIVER.test(name)) files.push(`${folder}/${name}`);
    }
  }
  const variables = { ...common, ...driverFile(files.join(":")) };
  const { list } = files.length === 0
    ? { list: undefined }
    : await devicesIn(variables);
  if (list === undefined || list.devices.length === 0) {
    throw new EnvironmentError("Cannot compute on the CPU: no driver for it", {
      hint: "install mesa-vulkan-drivers, or leave --adapter cpu out",
    });
  }
  const devices = byPreference(list.devices);
  return { variables, loader: list.loader, devices, usable: [] };
}

function nothingUsable(
  { list, problem, said }: Listing,
  { version }: { version: string | undefined },
): EnvironmentError {
  const cpu = list?.devices[0];
  const hint = version === undefined
    ? "sh cluster/run.sh doctor installs a CPU adapter and says what is missing; plain deno run does not see an unpacked one, run.sh and `deno task` do"
    : "deno task doctor says why; --adapter cpu runs on the CPU anyway";
  if (cpu === undefined) {
    const cause = problem === undefined ? "" : `: ${problem.message}`;
    const known = version === undefined
      ? undefined
      : recogniseFailure(`${said}\n${cause}`);
    const code = known === undefined ? "" : ` [${known.code}]`;
    return new EnvironmentError(`Cannot find a Vulkan device${cause}${code}`, {
      hint: known?.hint ?? hint,
    });
  }
  const without = "leave --adapter gpu out to compute on the CPU";
  return new EnvironmentError(
    `Cannot find a GPU: only a CPU adapter (${cpu.name})${
      version === undefined
        ? ""
        : ` although there is NVIDIA's driver ${version}`
    } [VK-09]`,
    { hint: version === undefined ? without : hint },
  );
}
