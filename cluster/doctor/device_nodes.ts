import type { Check } from "./check.ts";
import type { KernelDriver } from "./kernel_driver.ts";
import type { MachineView } from "./machine_view.ts";

const NAME = "nodes";

/** Prints why a node cannot be opened for reading and writing; nothing when it can. */
const OPEN = `
if [ ! -e "$1" ]; then echo "No such file or directory"; exit; fi
if [ -d "$1" ]; then echo "Is a directory"; exit; fi
if [ ! -r "$1" ] || [ ! -w "$1" ]; then echo "Permission denied"; exit; fi
{ : <>"$1"; } 2>&1 | sed 's/.*: //'`;

/** Why a device node cannot be used, in the system's words; `undefined` when it can. */
async function fault(path: string): Promise<string | undefined> {
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", OPEN, "sh", path],
    stdin: "null",
    stderr: "null",
    env: { LC_ALL: "C" },
  }).output();
  return new TextDecoder().decode(stdout).trim() || undefined;
}

/** D2: the device nodes that Vulkan's driver opens. Says how many GPUs are closed. */
export async function checkDeviceNodes(
  { root }: MachineView,
  { total }: KernelDriver,
): Promise<{ check: Check; closed: number }> {
  const common = ["/dev/nvidiactl", "/dev/nvidia-uvm"];
  const gpus = Array.from({ length: total }, (_, i) => `/dev/nvidia${i}`);
  const faults = new Map<string, string>();
  for (const path of [...common, ...gpus]) {
    const why = await fault(`${root}${path}`);
    if (why !== undefined) faults.set(path, why);
  }
  const closed = gpus.filter((path) => faults.has(path)).length;
  const needed = closed === total ? [...common, ...gpus] : common;
  const missing = needed.find((path) => faults.has(path));
  const facts = { total, closed, faults: Object.fromEntries(faults) };
  if (missing !== undefined) {
    const check: Check = {
      name: NAME,
      code: "VK-02",
      status: "error",
      detail: `cannot open ${missing} (${faults.get(missing)})`,
      hint:
        "not in your job's device list; add --gres=gpu:1, or the container lacks the node",
      facts,
    };
    return { check, closed };
  }
  const detail = closed === 0
    ? `${common.length + total} device nodes can be opened`
    : `${total - closed} of ${total} GPUs can be opened`;
  return { check: { name: NAME, status: "ok", detail, facts }, closed };
}
