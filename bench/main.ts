import { nearest } from "../src/config/mod.ts";
import { ConfigError, realEnv, SignetError } from "../src/env/mod.ts";
import { parseOptions } from "../cluster/commands/options.ts";
import { Console } from "../cluster/console.ts";
import { machineFacts } from "./common/machine.ts";
import { writeRecord } from "./common/record.ts";
import { rowTable } from "./common/table.ts";
import { VERBS } from "./verbs.ts";

/** Version of the JSON output; raised when a reader would have to change. */
const JSON_VERSION = 1;

const COMMON =
  `  --json             one JSON object on stdout: machine, adapter, rows
  --record NAME      also writes bench/records/<date>_NAME/
`;

function overview(): string {
  return [
    "Usage: deno task bench <name> [options]",
    "       sh cluster/run.sh bench <name> [options]   installs what is missing first",
    "",
    "Measures kernels, training steps and collectives; every figure is checked.",
    "",
    ...Object.entries(VERBS).map(([name, verb]) =>
      `  ${name.padEnd(13)}${verb.about}`
    ),
    "",
    "`bench <name> --help` tells more. Exit codes: 0 measured, 1 a result was wrong,",
    "2 usage, 3 this machine or a required peer lacks something. Method: bench/README.md",
  ].join("\n");
}

/** Runs a bench; resolves with the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const [name = "--help", ...rest] = args;
  const terminal = new Console(realEnv);
  if (name === "--help" || name === "-h" || name === "help") {
    terminal.result(overview());
    return 0;
  }
  const verb = Object.hasOwn(VERBS, name) ? VERBS[name]! : undefined;
  if (verb === undefined) {
    const meant = nearest(name, Object.keys(VERBS));
    throw new ConfigError(`Cannot run bench ${name}: there is none`, {
      hint: meant === undefined
        ? `benches: ${Object.keys(VERBS).join(" ")}`
        : `did you mean ${meant}?`,
    });
  }
  const options = parseOptions(rest, {
    verb: `bench ${name}`,
    string: [...verb.string, "record"],
    boolean: [...verb.boolean, "json", "help"],
    number: verb.number,
    positional: 0,
  });
  if (options.boolean("help")) {
    terminal.result(verb.help + COMMON.trimEnd());
    return 0;
  }
  const machineWith = await machineFacts();
  const report = await verb.run(options, (line) => terminal.note(line));
  const machine = machineWith(report.adapter);
  const command = ["bench", ...args].join(" ");
  const result = { version: JSON_VERSION, command, machine, ...report };
  const lines = (verb.table ?? rowTable)(report);
  for (const { peer, reason } of report.missing) {
    lines.push(`missing: ${peer}: ${reason}`);
  }
  if (options.boolean("json")) terminal.result(JSON.stringify(result));
  else for (const line of lines) terminal.result(line);
  const record = options.string("record");
  if (record !== undefined) {
    const folder = await writeRecord({ name: record, result, lines });
    terminal.note(`record  ${folder}`);
  }
  const wrong = report.rows.filter((row) => row.wrong > 0);
  for (const row of wrong) {
    terminal.urgent(
      `error: ${row.name} ${row.shape}: ${row.wrong} values differ from the reference`,
    );
  }
  return wrong.length === 0 ? 0 : 1;
}

/** Prints an error for people; only a defect of this program shows its stack. */
function explain(error: unknown): number {
  const terminal = new Console(realEnv);
  if (!(error instanceof SignetError)) {
    const text = error instanceof Error ? error.stack : String(error);
    terminal.urgent(`error: unexpected: ${text}`);
    return 1;
  }
  terminal.urgent(`error: ${error.message}`);
  if (error.hint !== undefined) terminal.urgent(`hint: ${error.hint}`);
  return error.exitCode;
}

if (import.meta.main) {
  Deno.exit(await main(Deno.args).catch(explain));
}
