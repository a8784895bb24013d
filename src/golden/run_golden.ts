import { ConfigError, type Env, SignetError } from "../env/mod.ts";
import type { Device } from "../gpu/mod.ts";
import { readSafetensorsFile } from "../run/mod.ts";
import { caseOf } from "./cases.ts";
import type { GoldenContext } from "./context.ts";
import { Fixture } from "./fixture.ts";
import { type FileReport, type GoldenReport, verdict } from "./report.ts";

const SUFFIX = ".safetensors";

/**
 * Compares this program with every golden file of a folder.
 *
 * Anything wrong with a file is a failed group of that file; only a folder
 * without golden files is an error.
 *
 * @param options.onFile Called when a file is done.
 * @throws {ConfigError} If the folder does not exist or holds no golden files.
 */
export async function runGolden(
  folder: string,
  options: { env: Env; device: Device; onFile?: (file: FileReport) => void },
): Promise<GoldenReport> {
  const { env, device, onFile } = options;
  const { disk } = env;
  if ((await disk.stat(folder))?.kind !== "folder") {
    throw new ConfigError(`Cannot read ${folder}: there is no such folder`);
  }
  const names = (await disk.list(folder))
    .filter(({ name, kind }) => kind === "file" && name.endsWith(SUFFIX))
    .map(({ name }) => name);
  if (names.length === 0) {
    throw new ConfigError(`Cannot find golden files in ${folder}`, {
      hint: "a golden file is called vit.safetensors, losses.safetensors, ...",
    });
  }
  const open = async (name: string) =>
    new Fixture(name, await readSafetensorsFile(disk, `${folder}/${name}`));
  const context: GoldenContext = {
    device,
    async sibling(name) {
      return names.includes(name + SUFFIX)
        ? await open(name + SUFFIX)
        : undefined;
    },
  };
  const files: FileReport[] = [];
  for (const name of names) {
    const file = await runFile(name, () => open(name), context);
    files.push(file);
    onFile?.(file);
  }
  const groups = files.flatMap((file) => file.groups);
  const passed = groups.filter((group) => group.passed).length;
  return { files, passed, failed: groups.length - passed };
}

async function runFile(
  name: string,
  open: () => Promise<Fixture>,
  context: GoldenContext,
): Promise<FileReport> {
  const found = caseOf(name);
  if (found === undefined) {
    const group = verdict("case", "the file name stands for no known case");
    return { file: name, case: "", groups: [group], excused: [] };
  }
  let fixture: Fixture | undefined;
  try {
    fixture = await open();
    await found.run(fixture, context);
    context.device.check();
  } catch (error) {
    // A wrong file must not hide the results of the others; a lost GPU must.
    if (error instanceof SignetError && !(error instanceof ConfigError)) {
      throw error;
    }
    const message = error instanceof Error ? error.message : String(error);
    fixture?.fail("run", message);
    if (fixture === undefined) {
      const groups = [verdict("run", message)];
      return { file: name, case: found.name, groups, excused: [] };
    }
  }
  return fixture.report(found.name);
}
