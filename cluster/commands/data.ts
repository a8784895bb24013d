import {
  checkDataSet,
  DATA_KINDS,
  type DataReport,
  detectKind,
  hashDataSet,
  loadDataSet,
  splitDataSet,
  splitToJson,
} from "../../src/data/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { percent } from "../../src/evaluation/mod.ts";
import { Console, table } from "../console.ts";
import { printable } from "../printable.ts";
import { kindOf } from "./data_kind.ts";
import { preview } from "./data_preview.ts";
import { parseOptions } from "./options.ts";
import { writeOut } from "./write_out.ts";

const HELP = `Usage: data check PATH [--kind KIND] [--json]
       data split PATH [--kind KIND] [options]
       data preview [CONFIG] [key=value…] [--out FILE.png|FILE.html]
       data fetch fashion-mnist        (through sh cluster/run.sh)

check  reads every image: counts per class, sizes, unreadable files, equal images,
       and nearly equal ones in train and test. Exit code 1 when an image cannot be read.
split  shows which training images would be labelled; the same options in a
       configuration give the same split.
preview  draws what training sees: images as stored, random views, strong or
       mixed ones. --phase NAME (default selfTrain), --images N (default 10).

  --kind KIND                 ${DATA_KINDS.join(" | ")}
                              (default: guessed from the names in PATH)
  --json                      one JSON object on stdout
  --labels-per-class N        labelled images a class, 0 = all (default 4)
  --validation-per-class N    held back to choose between models (default 20)
  --train-per-class N         only the first N of each class, 0 = all (default 0)
  --test-fraction F           share for the test when there is no test part
  --seed N                    (default 0)
  --out FILE                  writes the split as JSON
`;

/** Lines of each list that are printed; --json has all. */
const SHOWN = 20;

function fractionOf(text: string | undefined): number {
  const value = Number(text ?? 0);
  if (!(value >= 0 && value < 1)) {
    throw new ConfigError(
      `Cannot use --test-fraction ${text}: it needs a number from 0 to below 1`,
    );
  }
  return value;
}

function some(lines: readonly string[]): string[] {
  const more = lines.length - SHOWN;
  return [...lines.slice(0, SHOWN), ...(more > 0 ? [`and ${more} more`] : [])]
    .map((line) => `  ${printable(line)}`);
}

function describe(report: DataReport): string[] {
  const { parts, sizes, unreadable, duplicates, acrossParts } = report;
  const near = report.nearDuplicates.map(({ images, likeness, mirrored }) =>
    `${images.join(" ~ ")} (${percent(likeness)}${
      mirrored ? ", mirrored" : ""
    })`
  );
  const classNames = Object.keys(parts[0]?.perClass ?? {});
  const rows = classNames.map((name) => [
    name,
    ...parts.map((part) => String(part.perClass[name] ?? 0)),
  ]);
  const total = ["all", ...parts.map(({ images }) => String(images))];
  const loose = parts.some(({ unlabelled }) => unlabelled > 0)
    ? [["unlabelled", ...parts.map(({ unlabelled }) => String(unlabelled))]]
    : [];
  const bySize = Object.entries(sizes).sort((a, b) => b[1] - a[1]);
  return [
    `${report.path}: ${report.kind}, ${report.classes} classes`,
    ...table([
      ["class", ...parts.map(({ name }) => name)],
      ...rows,
      ...loose,
      total,
    ]),
    `sizes: ${
      bySize.slice(0, SHOWN).map(([size, count]) => `${size} (${count})`)
        .join(", ")
    }${bySize.length > SHOWN ? ` and ${bySize.length - SHOWN} more` : ""}`,
    `unreadable: ${unreadable.length}`,
    ...some(unreadable.map(({ path, reason }) => `${path}: ${reason}`)),
    `equal images: ${duplicates.length} groups, ${acrossParts} of them in train and test`,
    ...some(duplicates.map((names) => names.slice(0, SHOWN).join(" = "))),
    `nearly equal images in train and test: ${near.length}`,
    ...some(near),
  ];
}

async function check(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "data check",
    string: ["kind"],
    boolean: ["json"],
    positional: 1,
  });
  const report = await checkDataSet(realEnv.disk, {
    kind: kindOf(options.string("kind")),
    path: pathOf(options.positional),
  });
  const terminal = new Console(realEnv);
  const lines = options.boolean("json")
    ? [JSON.stringify(report)]
    : describe(report);
  for (const line of lines) terminal.result(line);
  return report.unreadable.length === 0 ? 0 : 1;
}

async function split(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "data split",
    string: ["kind", "test-fraction", "out"],
    number: [
      "labels-per-class",
      "validation-per-class",
      "train-per-class",
      "seed",
    ],
    boolean: ["json"],
    positional: 1,
  });
  const { disk } = realEnv;
  const terminal = new Console(realEnv);
  const path = pathOf(options.positional);
  const seed = options.number("seed") ?? 0;
  const dataSet = await loadDataSet(disk, {
    kind: kindOf(options.string("kind")) ?? await detectKind(disk, path),
    path,
    imageSize: 0,
    testFraction: fractionOf(options.string("test-fraction")),
    seed,
    trainPerClass: options.number("train-per-class") ?? 0,
    testPerClass: 0,
    log: (message) => terminal.note(message),
  });
  const made = splitDataSet(dataSet, {
    seed,
    labelsPerClass: options.number("labels-per-class") ?? 4,
    validationPerClass: options.number("validation-per-class") ?? 20,
  });
  const text = splitToJson(made, hashDataSet(dataSet));
  const out = options.string("out");
  if (out !== undefined) await writeOut(out, text);
  if (options.boolean("json")) {
    terminal.result(text.trimEnd());
    return 0;
  }
  const groups = ["labelled", "unlabelled", "validation", "test"] as const;
  for (
    const line of table([
      ["part", "images"],
      ...groups.map((name) => [name, String(made[name].length)]),
    ])
  ) terminal.result(line);
  if (out !== undefined) terminal.note(`written to ${out}`);
  return 0;
}

function pathOf(positional: readonly string[]): string {
  const path = positional[0];
  if (path === undefined) {
    throw new ConfigError("Cannot check data: no path was given", {
      hint: "Usage: data check PATH",
    });
  }
  return path;
}

/** Checks or splits a data set; resolves with the exit code. */
export async function data(args: readonly string[]): Promise<number> {
  const [action, ...rest] = args;
  if (action === undefined || args.includes("--help") || args.includes("-h")) {
    new Console(realEnv).result(HELP.trimEnd());
    return action === undefined ? 2 : 0;
  }
  switch (action) {
    case "check":
      return await check(rest);
    case "split":
      return await split(rest);
    case "preview":
      return await preview(rest);
    case "fetch": {
      const name = rest[0] ?? "";
      const place = `data/${name}`;
      // The set-up script has put it there before this program started.
      if (name === "fashion-mnist" && await realEnv.disk.stat(place)) {
        new Console(realEnv).result(`${name} is in ${place}`);
        return 0;
      }
      throw new ConfigError(`Cannot fetch ${name || "data"} from here`, {
        hint: "Run: sh cluster/run.sh data fetch fashion-mnist",
      });
    }
    default:
      throw new ConfigError(`Cannot run "data ${action}": unknown action`, {
        hint: "actions: check split preview fetch",
      });
  }
}
