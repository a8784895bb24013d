import { fileURLToPath } from "node:url";
import type { VulkanList } from "./vulkan.ts";

/** Variables of a process, besides those that it inherits. */
export type Variables = Readonly<Record<string, string>>;

/** Why the devices could not be listed. */
export interface ListProblem {
  message: string;
  hint?: string;
  /** The `VkResult`; absent when the loader could not be loaded. */
  result?: number;
}

/** What a process in some environment sees. */
export interface Listing {
  list?: VulkanList;
  problem?: ListProblem;
  /** What drivers and loader wrote on stderr. */
  said: string;
}

/** What the verb `devices --json` prints. */
export type ListReport = VulkanList | { problem: ListProblem };

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Lists the Vulkan devices as a process with these variables sees them, in a
 * process of its own: this one never loads a driver, and a driver that crashes
 * is a problem in the result. The words of `before` start it.
 */
export async function devicesIn(
  variables: Variables,
  before: readonly string[] = [],
): Promise<Listing> {
  const [program, ...words] = [...before, Deno.execPath()];
  const { code, signal, stdout, stderr } = await new Deno.Command(
    program!,
    {
      args: [
        ...words,
        "run",
        "--quiet",
        "--no-prompt",
        "--cached-only",
        "--frozen",
        "--node-modules-dir=manual",
        `--config=${ROOT}deno.json`,
        // The driver's files and device nodes are not Deno's to judge.
        "--allow-all",
        `${ROOT}cluster/main.ts`,
        "devices",
        "--json",
      ],
      env: { ...variables, NO_COLOR: "1" },
      stdin: "null",
    },
  ).output();
  const decoder = new TextDecoder();
  const said = decoder.decode(stderr).trim();
  const text = decoder.decode(stdout).trim();
  if (text === "") {
    const end = signal === null ? `code ${code}` : signal;
    const message = `The Vulkan driver ended the process with ${end}`;
    return { said, problem: { message } };
  }
  const report = JSON.parse(text) as ListReport;
  return "problem" in report
    ? { said, problem: report.problem }
    : { said, list: report };
}
