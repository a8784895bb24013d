import { fileURLToPath } from "node:url";
import { EnvironmentError } from "../../src/env/mod.ts";

const PROBE = new URL("../setup/probe.js", import.meta.url);

/**
 * Asks a process of its own which adapter ranks would get, so that this one
 * never loads a GPU driver.
 *
 * @throws {EnvironmentError} If there is none.
 */
export async function probeAdapter(): Promise<{ name: string; cpu: boolean }> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--no-config",
      fileURLToPath(PROBE),
    ],
    env: {
      DENO_WEBGPU_BACKEND: "vulkan",
      XDG_RUNTIME_DIR: Deno.env.get("XDG_RUNTIME_DIR") ?? "/tmp",
    },
    stdin: "null",
    stderr: "null",
  }).output();
  const name = new TextDecoder().decode(stdout).trim();
  if (name === "") {
    throw new EnvironmentError("Cannot find a Vulkan adapter", {
      hint:
        "sh cluster/run.sh doctor installs a CPU adapter and says what is missing; plain deno run does not see an unpacked one, run.sh and deno task do",
    });
  }
  return { name, cpu: /llvmpipe|lavapipe|swiftshader/i.test(name) };
}
