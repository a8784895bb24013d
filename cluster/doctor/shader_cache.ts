import { outputOf, shaderCacheFolder } from "../gpus/mod.ts";
import type { Check } from "./check.ts";
import { fileSystemOf, isNetworkFileSystem } from "./file_system.ts";
import type { MachineView } from "./machine_view.ts";

const NAME = "shaders";

/** D10: whether compiled shaders are kept, and on a disk of this machine. */
export async function checkShaderCache(
  { lookup, root }: MachineView,
  nvidia: boolean,
): Promise<Check> {
  const path = lookup("PATH");
  const home = lookup("HOME") ?? root;
  const variable = nvidia
    ? "__GL_SHADER_DISK_CACHE_PATH"
    : "MESA_SHADER_CACHE_DIR";
  const chosen = lookup(variable);
  const folder = chosen ??
    (nvidia ? shaderCacheFolder(lookup) : `${home}/.cache/mesa_shader_cache`);
  const type = await fileSystemOf(await nearestFolder(folder), path);
  const facts = { folder, fileSystem: type };
  if (isNetworkFileSystem(type)) {
    return {
      name: NAME,
      code: "VK-11",
      status: "warn",
      detail: `shader cache on ${type}: ${folder}`,
      hint: nvidia
        ? `unset ${variable}: the launcher then sets ${
          shaderCacheFolder(lookup)
        }`
        : `export ${variable}=/tmp/mesa-$USER`,
      facts,
    };
  }
  if (
    await outputOf("test", ["-w", await nearestFolder(folder)]) === undefined
  ) {
    return {
      name: NAME,
      code: "VK-11",
      status: "warn",
      detail: `shader cache ${folder} cannot be written`,
      hint: `set ${variable} to a folder that can`,
      facts,
    };
  }
  const homeType = nvidia && chosen === undefined
    ? await fileSystemOf(home, path)
    : "";
  return isNetworkFileSystem(homeType)
    ? {
      name: NAME,
      code: "VK-11",
      status: "warn",
      detail: `shader cache on ${homeType} home; set by launcher to ${folder}`,
      facts,
    }
    : {
      name: NAME,
      status: "ok",
      detail: `compiled shaders in ${folder}, ${type}`,
      facts,
    };
}

/** The folder, or the one above it that is there. */
async function nearestFolder(path: string): Promise<string> {
  for (let at = path; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    if (await outputOf("test", ["-d", at]) !== undefined) return at;
  }
  return "/";
}
