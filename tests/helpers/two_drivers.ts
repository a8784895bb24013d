import { ok } from "node:assert";
import {
  byPreference,
  devicesIn,
  type Survey,
} from "../../cluster/gpus/mod.ts";

/** A browser brings a Vulkan loader that chooses. */
const LOADERS = ["/usr/lib/chromium", ".tools/root/usr/lib/chromium"];
const LIBRARIES = [
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib64",
  ".tools/root/usr/lib/x86_64-linux-gnu",
];

async function find(
  folders: readonly string[],
  name: string,
): Promise<string> {
  for (const folder of folders) {
    try {
      return await Deno.realPath(`${folder}/${name}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  throw new Error(`Cannot find ${name} in ${folders.join(" ")}`);
}

async function icd(path: string, library: string): Promise<string> {
  const driver = { library_path: library, api_version: "1.1.0" };
  const text = JSON.stringify({ file_format_version: "1.0.0", ICD: driver });
  await Deno.writeTextFile(path, text);
  return path;
}

function variablesOf(files: string) {
  return {
    VK_DRIVER_FILES: files,
    VK_ICD_FILENAMES: files,
    DENO_WEBGPU_BACKEND: "vulkan",
    XDG_RUNTIME_DIR: "/tmp",
  };
}

async function devicesOf(files: string) {
  const { list, problem } = await devicesIn(variablesOf(files));
  ok(list !== undefined, problem?.message);
  return { loader: list.loader, devices: byPreference(list.devices) };
}

/**
 * Two devices side by side, taken for GPUs, and a loader that chooses: Mesa's CPU
 * driver, and a copy of it whose UUID, the text of its version, is another one.
 */
export async function twoDrivers(
  folder: string,
): Promise<{
  survey: Survey;
  ownLoader: string;
  /** Library of each device's driver, by UUID. */
  libraries: Map<string, string>;
}> {
  const ownLoader = `${folder}/loader/libvulkan.so.1`;
  await Deno.mkdir(`${folder}/loader`);
  await Deno.symlink(await find(LOADERS, "libvulkan.so.1"), ownLoader);

  const library = await find(LIBRARIES, "libvulkan_lvp.so");
  const first = await icd(`${folder}/first.json`, library);
  const { uuid } = (await devicesOf(first)).devices[0]!;
  const start = Uint8Array.fromHex(uuid.slice(0, 8));
  const bytes = await Deno.readFile(library);
  let changes = 0;
  for (let at = 0; (at = bytes.indexOf(start[0]!, at)) >= 0; at++) {
    // "mesa" and a digit: other names that begin so stay.
    const isVersion = start.every((byte, i) => bytes[at + i] === byte) &&
      /\d/.test(String.fromCharCode(bytes[at + 4]!));
    if (!isVersion) continue;
    bytes[at + 4] = "0".charCodeAt(0);
    changes++;
  }
  ok(changes > 0, `no version in ${library}`);
  const changed = `${folder}/libvulkan_other.so`;
  await Deno.writeFile(changed, bytes);
  const other = await icd(`${folder}/other.json`, changed);
  const files = `${first}:${other}`;
  const found = await devicesOf(files);
  return {
    libraries: new Map(
      found.devices.map((device) => [
        device.uuid,
        device.uuid === uuid ? library : changed,
      ]),
    ),
    survey: {
      variables: variablesOf(files),
      ...found,
      usable: found.devices,
    },
    ownLoader,
  };
}
