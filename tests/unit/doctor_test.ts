import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert";
import {
  type Check,
  checkDeviceNodes,
  checkDevices,
  checkDriverFiles,
  checkKernelDriver,
  checkLoader,
  checkShaderCache,
  explain,
  EXPLANATIONS,
  type KernelDriver,
} from "../../cluster/doctor/mod.ts";
import {
  grantedGpus,
  INITIALIZATION_FAILED,
  type Listing,
  recogniseFailure,
  type VulkanDevice,
} from "../../cluster/gpus/mod.ts";
import { LaidMachine } from "../helpers/laid_machine.ts";

/** The line that the doctor prints, and its hint. */
function line({ status, code, detail, hint }: Check): string {
  const text = `${status} ${code === undefined ? "" : `${code}: `}${detail}`;
  return hint === undefined ? text : `${text}. hint: ${hint}`;
}

async function driverOf(machine: LaidMachine): Promise<KernelDriver> {
  const { driver } = await checkKernelDriver(machine.view());
  ok(driver !== undefined);
  return driver;
}

Deno.test("checkKernelDriver() asks for a GPU only where one was wanted", async () => {
  await using machine = await LaidMachine.create();
  const plain = await checkKernelDriver(machine.view());
  strictEqual(line(plain.check), "ok no NVIDIA GPU on n04");
  const wanted = await checkKernelDriver(machine.view("gpu"));
  strictEqual(
    line(wanted.check),
    "error VK-01: no NVIDIA kernel driver on n04. hint: this is not a GPU node, or ask for one: --gres=gpu:1",
  );
  machine.variables.SLURM_JOB_GPUS = "0";
  strictEqual((await checkKernelDriver(machine.view())).check.code, "VK-01");
});

Deno.test("checkKernelDriver() counts GPUs and names a MIG slice and a silent driver", async () => {
  await using machine = await LaidMachine.withGpus(4);
  const { check, driver } = await checkKernelDriver(machine.view());
  strictEqual(
    line(check),
    "ok NVIDIA driver 570.86.15, 4 GPU(s), compute mode Default",
  );
  deepStrictEqual([driver!.version, driver!.total], ["570.86.15", 4]);
  strictEqual(driver!.seen[0], "6fb6d3db-0000-4000-8000-000000000001");
  await machine.program(
    "nvidia-smi",
    `echo "GPU 0: H100 (UUID: GPU-6fb6d3db-0000-4000-8000-000000000001)
  MIG 1g.10gb Device 0: (UUID: MIG-1)"`,
  );
  const slice = await checkKernelDriver(machine.view());
  match(line(slice.check), /^warn VK-01: this is a MIG slice; Vulkan is not/);
  await machine.program("nvidia-smi", "exit 9");
  const silent = await checkKernelDriver(machine.view());
  match(line(silent.check), /^warn VK-01: .*570\.86\.15 .*lists no GPU/);
});

Deno.test("checkDeviceNodes() names the node that is missing or cannot be opened", async () => {
  await using machine = await LaidMachine.withGpus(2);
  const driver = await driverOf(machine);
  const whole = await checkDeviceNodes(machine.view(), driver);
  strictEqual(line(whole.check), "ok 4 device nodes can be opened");
  await machine.remove("dev/nvidia-uvm");
  const missing = await checkDeviceNodes(machine.view(), driver);
  strictEqual(
    line(missing.check),
    "error VK-02: cannot open /dev/nvidia-uvm (No such file or directory). hint: not in your job's device list; add --gres=gpu:1, or the container lacks the node",
  );
  // A socket is a node that exists, and that open() refuses: a closed device.
  using _closed = Deno.listen({
    transport: "unix",
    path: `${machine.root}/dev/nvidia-uvm`,
  });
  const closed = await checkDeviceNodes(machine.view(), driver);
  match(line(closed.check), /^error VK-02: .*nvidia-uvm \(No such device/);
});

Deno.test("checkDeviceNodes() counts GPUs closed to the job, and needs one", async () => {
  await using machine = await LaidMachine.withGpus(2);
  const driver = await driverOf(machine);
  await machine.remove("dev/nvidia0");
  const one = await checkDeviceNodes(machine.view(), driver);
  strictEqual(line(one.check), "ok 1 of 2 GPUs can be opened");
  strictEqual(one.closed, 1);
  await machine.remove("dev/nvidia1");
  const none = await checkDeviceNodes(machine.view(), driver);
  match(line(none.check), /^error VK-02: cannot open \/dev\/nvidia0 /);
});

Deno.test("checkDriverFiles() names missing libraries and those of another version", async () => {
  await using machine = await LaidMachine.withGpus(1);
  const driver = await driverOf(machine);
  const check = (works = false) =>
    checkDriverFiles(machine.view(), driver, works);
  match(line(await check()), /^ok .*complete$/);
  const folder = "usr/lib/x86_64-linux-gnu";
  await machine.remove(`${folder}/libnvidia-glvkspirv.so.570.86.15`);
  await machine.file(`${folder}/libnvidia-glvkspirv.so.535.1`);
  await machine.remove(`${folder}/libEGL_nvidia.so.570.86.15`);
  strictEqual(
    line(await check()),
    "error VK-03: driver 570.86.15 has no Vulkan files (libEGL_nvidia, libnvidia-glvkspirv). hint: compute-only install; ask the admin for the GL package of 570.86.15 (libnvidia-gl-570-server), or doctor --explain VK-04",
  );
  // Seen through Vulkan all the same: they lie where nobody looked.
  strictEqual((await check(true)).status, "ok");
  // The GLX library is as good, found where LD_LIBRARY_PATH says.
  await machine.file("own/libGLX_nvidia.so.570.86.15");
  await machine.file("own/libnvidia-glvkspirv.so.570.86.15");
  machine.variables.LD_LIBRARY_PATH = `${machine.root}/own`;
  strictEqual((await check()).status, "ok");
});

function gpu(id: number): VulkanDevice {
  return {
    name: "Tesla T4",
    kind: "discrete",
    vendor: 0x10de,
    device: 0x1eb8,
    uuid: `00000000-0000-0000-0000-00000000000${id}`,
    driverUuid: "00000000-0000-0000-0000-000000000009",
    driverVersion: 1,
    apiVersion: "1.3.242",
    heaps: [],
  };
}

function listing(loader: string, gpus: number): Listing {
  const devices = Array.from({ length: gpus }, (_, i) => gpu(i));
  return { said: "", list: { loader, devices } };
}

Deno.test("grantedGpus() keeps to CUDA_VISIBLE_DEVICES, by index and UUID", async () => {
  await using machine = await LaidMachine.withGpus(4);
  const { seen } = await driverOf(machine);
  const usable = seen.map((uuid, i) => ({ ...gpu(i), uuid })).toReversed();
  const granted = async (text?: string) => {
    const { PATH } = machine.variables;
    const variables: Record<string, string | undefined> = {
      PATH,
      CUDA_VISIBLE_DEVICES: text,
    };
    const kept = await grantedGpus(usable, (name) => variables[name]);
    return kept.map(({ uuid }) => seen.indexOf(uuid)).sort();
  };
  deepStrictEqual(await granted("2,3"), [2, 3]);
  deepStrictEqual(await granted(`GPU-${seen[1]!.slice(0, 8)}`), [1]);
  // Nothing said, and nothing that is here.
  for (const text of [undefined, "", "7", "MIG-1"]) {
    deepStrictEqual(await granted(text), [0, 1, 2, 3]);
  }
});

Deno.test("checkLoader() tells a missing loader from one that cannot choose", () => {
  const problem = { message: "Cannot load libvulkan.so.1: not found" };
  match(
    line(checkLoader({ said: "", problem }, false)),
    /^error VK-05: Vulkan loader missing: .*hint: sh cluster\/run\.sh bootstrap installs a private one$/,
  );
  const old = listing("1.3.239", 4);
  strictEqual(
    line(checkLoader(old, true)),
    "warn VK-06: loader 1.3.239 cannot choose among 4 equal GPUs; using the private one",
  );
  match(line(checkLoader(old, false)), /VK-06: .* hint: .*bootstrap/);
  strictEqual(checkLoader(listing("1.3.239", 1), false).status, "ok");
  strictEqual(checkLoader(listing("1.4.328", 2), false).code, "VK-06");
  strictEqual(checkLoader(listing("1.4.329", 2), false).status, "ok");
});

Deno.test("checkDevices() finds the reason in the environment and the driver's words", async () => {
  await using machine = await LaidMachine.withGpus(4);
  const driver = await driverOf(machine);
  const none: Listing = {
    said: "ERROR: vkCreateInstance: Found no drivers!",
    problem: { message: "ERROR_INCOMPATIBLE_DRIVER (-9)", result: -9 },
  };
  const check = (
    of: Listing,
    variables: Record<string, string> = {},
    closed = 0,
  ) =>
    line(checkDevices({ listing: of, variables: {} }, {
      lookup: (name) => variables[name],
      driver,
      closed,
    }));
  strictEqual(
    check(none, { NVIDIA_DRIVER_CAPABILITIES: "compute,utility" }),
    "error VK-07: container shows no Vulkan driver. hint: NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics (now: compute,utility)",
  );
  strictEqual(
    check(none, { APPTAINER_CONTAINER: "/x.sif" }),
    "error VK-07: container shows no Vulkan driver. hint: apptainer exec --nv",
  );
  match(check(none), /^error VK-07: .*no Vulkan driver was found/);
  const libraries =
    "libXext.so.6: cannot open shared object file\nFailed loading library associated with ICD JSON libGLX_nvidia.so.0";
  match(check({ ...none, said: libraries }), /VK-07: .*X libraries/);
  const spirv =
    "The NVIDIA driver was unable to open 'libnvidia-glvkspirv.so.570.86'.";
  match(check({ ...none, said: spirv }), /^error VK-03: .*shader compiler/);
  const refused = {
    said: "",
    problem: { message: "", result: INITIALIZATION_FAILED },
  };
  strictEqual(
    check(refused, {}, 3),
    "error VK-08: the NVIDIA Vulkan driver refuses because 3 of 4 GPUs are closed to this job. hint: use the whole node: --exclusive --gpu-bind=none",
  );
  strictEqual(check(listing("1.4.350", 1)), "ok Tesla T4 (discrete)");
});

Deno.test("checkShaderCache() warns of a network disk and says what the launcher sets", async () => {
  await using machine = await LaidMachine.withGpus(1);
  const { root, variables } = machine;
  await machine.file("home/x");
  Object.assign(variables, { HOME: `${root}/home`, TMPDIR: root });
  match(line(await checkShaderCache(machine.view(), true)), /^ok .*\/nv-\d+,/);
  await machine.program(
    "stat",
    `case "$4" in */home*) echo nfs ;; *) echo ext2/ext3 ;; esac`,
  );
  strictEqual(
    line(await checkShaderCache(machine.view(), true)),
    `warn VK-11: shader cache on nfs home; set by launcher to ${root}/nv-${Deno.uid()}`,
  );
  variables.__GL_SHADER_DISK_CACHE_PATH = `${root}/home/nv`;
  match(
    line(await checkShaderCache(machine.view(), true)),
    /^warn VK-11: shader cache on nfs: .*hint: unset __GL_SHADER_DISK_CACHE_PATH/,
  );
});

const TEXTS = [
  ["libXext.so.6: cannot open shared object file", "VK-07"],
  [
    "Could not get 'vkCreateInstance' via 'vk_icdGetInstanceProcAddr' for ICD libGLX_nvidia.so.0",
    "VK-02",
  ],
  [
    "The NVIDIA driver was unable to open 'libnvidia-glvkspirv.so.570.86'. This library is required at run time.",
    "VK-03",
  ],
  ["vkCreateInstance: Found no drivers!", "VK-07"],
  ["enumerate_adapters: Initialization of an object has failed", "VK-08"],
  [
    "error: XDG_RUNTIME_DIR is invalid or not set in the environment",
    undefined,
  ],
  ["Out of memory: not enough memory left", "VK-12"],
  ["requiredFeatures must be a subset of the adapter features", "VK-09"],
] as const;

Deno.test("recogniseFailure() knows the texts of drivers, loaders and WebGPU", () => {
  for (const [text, code] of TEXTS) {
    strictEqual(recogniseFailure(text)?.code, code, text);
  }
});

Deno.test("explain() has a text for every code, and names the one that was meant", () => {
  for (const [code] of Object.entries(EXPLANATIONS)) {
    const [title, empty, ...lines] = explain(code);
    ok(title!.startsWith(code) && empty === "" && lines.length > 2);
  }
  match(explain("vk-04").join("\n"), /--extract-only/);
  for (const [, code] of TEXTS) ok(code === undefined || EXPLANATIONS[code]);
  throws(() => explain("VK-4"), /Cannot explain VK-4: unknown code/);
});
