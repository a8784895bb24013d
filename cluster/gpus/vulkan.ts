import { EnvironmentError } from "../../src/env/mod.ts";

/** Kinds of a device in the order in which WebGPU prefers them. */
export const DEVICE_KINDS = [
  "discrete",
  "integrated",
  "other",
  "virtual",
  "cpu",
] as const;
export type DeviceKind = typeof DEVICE_KINDS[number];

/** A device as its Vulkan driver describes it. */
export interface VulkanDevice {
  name: string;
  kind: DeviceKind;
  /** PCI ids; 0x10005 and above are vendors without one. */
  vendor: number;
  device: number;
  /** As `nvidia-smi -L` writes it, without `GPU-`. */
  uuid: string;
  driverUuid: string;
  /** In the driver's own packing. */
  driverVersion: number;
  /** Such as `1.3.242`. */
  apiVersion: string;
  heaps: { bytes: number; deviceLocal: boolean }[];
}

export interface VulkanList {
  /** Version of the loader. */
  loader: string;
  /** In the loader's order. */
  devices: VulkanDevice[];
}

/** Vulkan cannot be asked for its devices. */
export class VulkanError extends EnvironmentError {
  override name = "VulkanError";
  /** The `VkResult`; absent when the loader itself cannot be loaded. */
  readonly result: number | undefined;

  constructor(
    message: string,
    options: { hint: string; result?: number; cause?: unknown },
  ) {
    super(message, options);
    this.result = options.result;
  }
}

export const INITIALIZATION_FAILED = -3;
export const INCOMPATIBLE_DRIVER = -9;

const RESULTS: Readonly<Record<number, string>> = {
  [-1]: "ERROR_OUT_OF_HOST_MEMORY",
  [-2]: "ERROR_OUT_OF_DEVICE_MEMORY",
  [INITIALIZATION_FAILED]: "ERROR_INITIALIZATION_FAILED",
  [-4]: "ERROR_DEVICE_LOST",
  [-6]: "ERROR_LAYER_NOT_PRESENT",
  [-7]: "ERROR_EXTENSION_NOT_PRESENT",
  [INCOMPATIBLE_DRIVER]: "ERROR_INCOMPATIBLE_DRIVER",
};

const FUNCTIONS = {
  vkEnumerateInstanceVersion: { parameters: ["buffer"], result: "i32" },
  vkCreateInstance: {
    parameters: ["buffer", "pointer", "buffer"],
    result: "i32",
  },
  vkDestroyInstance: { parameters: ["pointer", "pointer"], result: "void" },
  vkEnumeratePhysicalDevices: {
    parameters: ["pointer", "buffer", "buffer"],
    result: "i32",
  },
  vkGetPhysicalDeviceProperties2: {
    parameters: ["pointer", "buffer"],
    result: "void",
  },
  vkGetPhysicalDeviceMemoryProperties: {
    parameters: ["pointer", "buffer"],
    result: "void",
  },
} as const satisfies Deno.ForeignLibraryInterface;
type Vulkan = Deno.DynamicLibrary<typeof FUNCTIONS>["symbols"];

/**
 * Sizes and offsets of Vulkan's structures on 64-bit machines, in bytes, and the
 * values of their `sType`. Those that name nothing here are left 0.
 */
const APPLICATION = { bytes: 48, apiVersion: 44 };
const INSTANCE = { type: 1, bytes: 64, application: 24 };
const PROPERTIES = {
  type: 1_000_059_001,
  bytes: 840,
  next: 8,
  apiVersion: 16,
  driverVersion: 20,
  vendor: 24,
  device: 28,
  kind: 32,
  name: 36,
  nameBytes: 256,
};
const IDENTITY = {
  type: 1_000_071_004,
  bytes: 64,
  device: 16,
  driver: 32,
};
const MEMORY = { bytes: 520, heapCount: 260, heaps: 264, heapBytes: 16 };
const DEVICE_LOCAL = 1;

/** What `VkPhysicalDeviceType` counts. */
const KINDS: readonly DeviceKind[] = [
  "other",
  "integrated",
  "discrete",
  "virtual",
  "cpu",
];
/** More devices than any machine has. */
const MAX_DEVICES = 256;

/**
 * Lists the devices of this process's environment: what `VK_DRIVER_FILES`, the
 * loader's settings file and its layers leave, in the order that WebGPU sees.
 *
 * Loads the drivers into this process.
 *
 * @throws {VulkanError} If there is no loader, or it finds no driver.
 */
export function listVulkan(library = "libvulkan.so.1"): VulkanList {
  let loader: Deno.DynamicLibrary<typeof FUNCTIONS>;
  try {
    loader = Deno.dlopen(library, FUNCTIONS);
  } catch (cause) {
    throw new VulkanError(
      `Cannot load ${library}: ${(cause as Error).message.split("\n")[0]}`,
      { cause, hint: "sh cluster/run.sh bootstrap installs a Vulkan loader" },
    );
  }
  try {
    const vk = loader.symbols;
    const version = new Uint32Array(1);
    vk.vkEnumerateInstanceVersion(version);
    const instance = createInstance(vk);
    try {
      return {
        loader: versionText(version[0]!),
        devices: handles(vk, instance).map((handle) => describe(vk, handle)),
      };
    } finally {
      vk.vkDestroyInstance(instance, null);
    }
  } finally {
    loader.close();
  }
}

function createInstance(vk: Vulkan): Deno.PointerValue {
  const application = new DataView(new ArrayBuffer(APPLICATION.bytes));
  application.setUint32(APPLICATION.apiVersion, (1 << 22) | (1 << 12), true);
  const info = new DataView(new ArrayBuffer(INSTANCE.bytes));
  info.setUint32(0, INSTANCE.type, true);
  info.setBigUint64(INSTANCE.application, address(application), true);
  const handle = new BigUint64Array(1);
  check(
    vk.vkCreateInstance(info, null, handle),
    "Cannot create a Vulkan instance",
  );
  return Deno.UnsafePointer.create(handle[0]!);
}

function handles(vk: Vulkan, instance: Deno.PointerValue) {
  const what = "Cannot list the Vulkan devices";
  const count = new Uint32Array(1);
  check(vk.vkEnumeratePhysicalDevices(instance, count, null), what);
  count[0] = Math.min(count[0]!, MAX_DEVICES);
  const found = new BigUint64Array(MAX_DEVICES);
  if (count[0] > 0) {
    check(vk.vkEnumeratePhysicalDevices(instance, count, found), what);
  }
  return [...found.subarray(0, count[0])].map((handle) =>
    Deno.UnsafePointer.create(handle)
  );
}

function describe(vk: Vulkan, handle: Deno.PointerValue): VulkanDevice {
  const identity = new DataView(new ArrayBuffer(IDENTITY.bytes));
  identity.setUint32(0, IDENTITY.type, true);
  const properties = new DataView(new ArrayBuffer(PROPERTIES.bytes));
  properties.setUint32(0, PROPERTIES.type, true);
  properties.setBigUint64(PROPERTIES.next, address(identity), true);
  vk.vkGetPhysicalDeviceProperties2(handle, properties);
  const memory = new DataView(new ArrayBuffer(MEMORY.bytes));
  vk.vkGetPhysicalDeviceMemoryProperties(handle, memory);

  const word = (offset: number) => properties.getUint32(offset, true);
  const name = new Uint8Array(
    properties.buffer,
    PROPERTIES.name,
    PROPERTIES.nameBytes,
  );
  return {
    name: new TextDecoder().decode(name.subarray(0, name.indexOf(0))),
    kind: KINDS[word(PROPERTIES.kind)] ?? "other",
    vendor: word(PROPERTIES.vendor),
    device: word(PROPERTIES.device),
    uuid: uuidText(new Uint8Array(identity.buffer, IDENTITY.device, 16)),
    driverUuid: uuidText(new Uint8Array(identity.buffer, IDENTITY.driver, 16)),
    driverVersion: word(PROPERTIES.driverVersion),
    apiVersion: versionText(word(PROPERTIES.apiVersion)),
    heaps: Array.from({ length: memory.getUint32(MEMORY.heapCount, true) }, (
      _,
      i,
    ) => {
      const at = MEMORY.heaps + i * MEMORY.heapBytes;
      return {
        bytes: Number(memory.getBigUint64(at, true)),
        deviceLocal: (memory.getUint32(at + 8, true) & DEVICE_LOCAL) !== 0,
      };
    }),
  };
}

/** Every view whose address is taken stays referenced until the call is over. */
function address(view: DataView<ArrayBuffer>): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(view));
}

function check(result: number, what: string): void {
  // 5 is VK_INCOMPLETE: there are more devices than were asked for.
  if (result === 0 || result === 5) return;
  const name = RESULTS[result] ?? "an unknown error";
  throw new VulkanError(`${what}: ${name} (${result})`, {
    result,
    hint: result === INCOMPATIBLE_DRIVER
      ? "no Vulkan driver was found; deno task doctor says what is missing"
      : "deno task doctor says what is wrong with the driver",
  });
}

function versionText(packed: number): string {
  return `${(packed >>> 22) & 0x7f}.${(packed >>> 12) & 0x3ff}.${
    packed & 0xfff
  }`;
}

/** `b9f3…` as 8-4-4-4-12. */
export function uuidText(bytes: Uint8Array): string {
  return bytes.toHex().replace(
    /^(.{8})(.{4})(.{4})(.{4})(.{12})$/,
    "$1-$2-$3-$4-$5",
  );
}

/** The bytes of {@linkcode uuidText}. */
export function uuidBytes(uuid: string): number[] {
  return [...Uint8Array.fromHex(uuid.replaceAll("-", ""))];
}
