import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { Device, type KernelForm } from "../../src/gpu/mod.ts";
import {
  type FileReport,
  type GroupReport,
  runGolden,
} from "../../src/golden/mod.ts";
import { Console, table } from "../console.ts";
import { parseOptions } from "./options.ts";

const HELP = `Usage: golden DIR [--form FORM] [--json]

Compares kernels and models with every golden file (*.safetensors) in DIR. The
name tells the case: vit deit odd semi and their .hf files, ops losses rules
metrics schedule resize dtypes. Every tensor must be an input, be compared or be
excused; an unknown case fails. The last line counts the groups of tensors whose
worst error is within the tolerance, and the others.

  --form FORM   register | tiled: the kernels' form (default: the adapter's)
  --json        one JSON object on stdout

Exit codes: 0 all groups passed, 1 some failed, 2 no golden files in DIR.
`;

/** Compares this program with golden files; the last line is `N passed, N failed`. */
export async function golden(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "golden",
    string: ["form"],
    boolean: ["json", "help"],
    positional: 1,
  });
  const terminal = new Console(realEnv);
  if (options.boolean("help")) {
    terminal.result(HELP.trimEnd());
    return 0;
  }
  const [folder] = options.positional;
  if (folder === undefined) {
    throw new ConfigError("Cannot run golden: no folder is given", {
      hint: "deno task golden tests/fixtures",
    });
  }
  const json = options.boolean("json");
  const form = formOf(options.string("form"));
  using device = await Device.open(form === undefined ? {} : { form });
  terminal.note(`${device.adapter.name}, ${device.form} kernels`);
  const report = await runGolden(folder, {
    env: realEnv,
    device,
    onFile(file) {
      if (json) terminal.note(file.file);
      else for (const line of describe(file)) terminal.result(line);
    },
  });
  const { passed, failed } = report;
  const counts = `${passed} passed, ${failed} failed`;
  if (json) {
    terminal.result(JSON.stringify(
      { adapter: device.adapter.name, form: device.form, ...report },
      null,
      2,
    ));
    terminal.note(counts);
  } else {
    terminal.result(counts);
  }
  return failed === 0 ? 0 : 1;
}

function formOf(text: string | undefined): KernelForm | undefined {
  if (text === undefined || text === "register" || text === "tiled") {
    return text;
  }
  throw new ConfigError(`Cannot use --form ${text}: there is no such form`, {
    hint: "forms: register tiled",
  });
}

function describe(file: FileReport): string[] {
  const rows = file.groups.map((group) => [
    `  ${group.passed ? "ok  " : "FAIL"}  ${group.group}`,
    `${group.tensors || ""}`,
    ...figures(group),
  ]);
  const lines = [file.file, ...table(rows)];
  for (const { group, message } of file.groups) {
    if (message !== undefined) lines.push(`    ${group}: ${message}`);
  }
  for (const group of file.groups) {
    if (group.passed || group.tensor === "") continue;
    lines.push(`    ${group.group}: worst in ${group.tensor}`);
  }
  const [excuse] = file.excused;
  if (excuse !== undefined) {
    lines.push(`    ${file.excused.length} excused: ${excuse.reason}`);
  }
  return lines;
}

/** Worst error and tolerance, for a group that compares values. */
function figures(group: GroupReport): string[] {
  const { worst, tolerance, tensor, measure } = group;
  if (tensor === "") return ["", ""];
  return [
    worst === null ? "not finite" : worst === 0 ? "0" : worst.toExponential(1),
    `of ${tolerance} ${measure}`,
  ];
}
