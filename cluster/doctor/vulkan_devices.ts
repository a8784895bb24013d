import {
  canChoose,
  devicesIn,
  INITIALIZATION_FAILED,
  type Listing,
  type Lookup,
  NVIDIA,
  nvidiaDrivers,
  recogniseFailure,
  surveyGpus,
  usableGpus,
  type Variables,
} from "../gpus/mod.ts";
import type { Check } from "./check.ts";
import type { KernelDriver } from "./kernel_driver.ts";
import type { MachineView } from "./machine_view.ts";

/** What Vulkan lists here, and in which environment. */
export interface Seen {
  variables: Variables;
  listing: Listing;
}

/**
 * The device list, with NVIDIA's EGL driver file first where there is its driver;
 * where the CPU is asked for, without the drivers of GPUs.
 */
export async function seeDevices(
  { env, lookup, wish }: MachineView,
  driver: KernelDriver | undefined,
): Promise<Seen> {
  const attempts = wish === "cpu"
    ? [(await surveyGpus(env, { wish, lookup })).variables]
    : driver === undefined
    ? [{}]
    : nvidiaDrivers(lookup);
  let seen: Seen | undefined;
  for (const variables of attempts) {
    const listing = await devicesIn({ ...variables, VK_LOADER_DEBUG: "error" });
    const said = [seen?.listing.said, listing.said].filter(Boolean).join("\n");
    seen = { variables, listing: { ...listing, said } };
    if (hasNvidia(listing)) break;
  }
  return seen!;
}

/** Whether Vulkan shows one of NVIDIA's GPUs. */
export function hasNvidia({ list }: Listing): boolean {
  return list?.devices.some(({ vendor }) => vendor === NVIDIA) === true;
}

/** D4: the Vulkan loader, and whether it can tell equal GPUs apart. */
export function checkLoader(
  { list, problem }: Listing,
  ownLoader: boolean,
): Check {
  const name = "loader";
  if (problem !== undefined && problem.result === undefined) {
    return {
      name,
      code: "VK-05",
      status: "error",
      detail: `Vulkan loader missing: ${problem.message}`,
      hint: "sh cluster/run.sh bootstrap installs a private one",
    };
  }
  const version = list?.loader;
  if (version === undefined) {
    return { name, status: "ok", detail: "the Vulkan loader can be loaded" };
  }
  const gpus = usableGpus(list!.devices).length;
  const facts = { version };
  if (gpus < 2 || canChoose(version)) {
    return { name, status: "ok", detail: `Vulkan loader ${version}`, facts };
  }
  const detail = `loader ${version} cannot choose among ${gpus} equal GPUs`;
  return {
    name,
    code: "VK-06",
    status: "warn",
    ...(ownLoader
      ? { detail: `${detail}; using the private one` }
      : { detail, hint: "sh cluster/run.sh bootstrap installs a newer one" }),
    facts,
  };
}

/** D5 and D6: whether a driver answers, and with which devices. */
export function checkDevices(
  { listing: { list, problem, said }, variables }: Seen,
  { lookup, driver, closed }: {
    lookup: Lookup;
    driver: KernelDriver | undefined;
    /** GPUs whose device node cannot be opened. */
    closed: number;
  },
): Check {
  const name = "devices";
  const devices = list?.devices ?? [];
  const facts = { devices, said };
  const gpus = driver?.seen.length ?? 0;
  if (problem?.result === INITIALIZATION_FAILED && gpus > 0) {
    const of = driver!.total;
    return {
      name,
      code: "VK-08",
      status: "error",
      detail: closed > 0
        ? `the NVIDIA Vulkan driver refuses because ${closed} of ${of} GPUs are closed to this job`
        : "the NVIDIA Vulkan driver refuses to start although nvidia-smi sees its GPUs",
      hint: "use the whole node: --exclusive --gpu-bind=none",
      facts,
    };
  }
  if (devices.length === 0 || (driver !== undefined && !hasGpu(devices))) {
    return {
      name,
      ...noDriver(lookup, {
        said,
        problem: problem?.message,
        nvidia: driver !== undefined,
      }),
      facts,
    };
  }
  const names = devices.map(({ name, kind }) => `${name} (${kind})`);
  const egl = variables.VK_DRIVER_FILES === undefined ? "" : ", by EGL";
  const detail = `${names.join(", ")}${egl}`;
  return { name, status: "ok", detail, facts };
}

function hasGpu(devices: Parameters<typeof usableGpus>[0]): boolean {
  return usableGpus(devices).length > 0;
}

/** Why no driver answers, as far as the environment and its words tell. */
function noDriver(
  lookup: Lookup,
  { said, problem, nvidia }: {
    said: string;
    problem: string | undefined;
    nvidia: boolean;
  },
): Omit<Check, "name"> {
  const code = "VK-07";
  const status = "error" as const;
  const chosen = lookup("VK_DRIVER_FILES") ?? lookup("VK_ICD_FILENAMES");
  if (chosen !== undefined && !nvidia) {
    return {
      code,
      status,
      detail: `no Vulkan driver answers from ${chosen}`,
      hint:
        "unset VK_DRIVER_FILES and VK_ICD_FILENAMES; sh cluster/run.sh bootstrap installs an adapter that computes on the CPU",
    };
  }
  if (!nvidia) {
    return {
      code,
      status,
      detail: `no Vulkan driver${problem === undefined ? "" : `: ${problem}`}`,
      hint:
        "sh cluster/run.sh bootstrap installs an adapter that computes on the CPU",
    };
  }
  const capabilities = lookup("NVIDIA_DRIVER_CAPABILITIES");
  if (
    capabilities !== undefined && !/\b(?:graphics|all)\b/.test(capabilities)
  ) {
    return {
      code,
      status,
      detail: "container shows no Vulkan driver",
      hint:
        `NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics (now: ${capabilities})`,
    };
  }
  const apptainer = lookup("APPTAINER_CONTAINER") ??
    lookup("SINGULARITY_CONTAINER");
  if (apptainer !== undefined) {
    return {
      code,
      status,
      detail: "container shows no Vulkan driver",
      hint: "apptainer exec --nv",
    };
  }
  const known = recogniseFailure(`${said}\n${problem ?? ""}`);
  return {
    code: known?.code ?? code,
    status,
    detail: `no Vulkan driver for the NVIDIA GPU${
      known === undefined ? "" : `: ${known.cause}`
    }`,
    hint: known?.hint ?? "see the lines above; doctor --explain VK-07",
  };
}
