import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { Console } from "../console.ts";
import type { TestResult } from "./junit.ts";
import { parseOptions } from "./options.ts";
import {
  denoTest,
  type Group,
  GROUPS,
  runGroup,
  stagesOf,
} from "./test_groups.ts";

const HELP = `Usage: test [GROUP or FILE…] [--filter TEXT] [--fail-fast]

Runs the whole suite, or the groups and files named. Groups:
  ${GROUPS.join(" ")}

  --filter TEXT   only tests with TEXT in their name; /TEXT/ is a pattern
  --fail-fast     stop a group at its first failure

Examples:
  deno task test
  deno task test unit gpu
  deno task test tests/gpu/softmax_test.ts --filter backward
`;

/** Lines of a failure that are printed again at the end. */
const FAILURE_LINES = 12;

function isGroup(name: string): name is Group {
  return GROUPS.some((group) => group === name);
}

/** The whole test suite; the last line is `N passed, N failed`. */
export async function test(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "test",
    string: ["filter"],
    boolean: ["fail-fast", "help"],
  });
  const env = realEnv;
  const terminal = new Console(env);
  const print = (line: string) => terminal.result(line);
  if (options.boolean("help")) {
    print(HELP.trimEnd());
    return 0;
  }
  const files = options.positional.filter((name) => name.includes("/"));
  const groups = options.positional.filter((name) => !name.includes("/"));
  const odd = groups.find((name) => !isGroup(name));
  if (odd !== undefined) {
    throw new ConfigError(`Cannot run the tests: unknown group ${odd}`, {
      hint: `groups: ${GROUPS.join(" ")}`,
    });
  }

  const filter = options.string("filter");
  const settings = {
    env,
    failFast: options.boolean("fail-fast"),
    ...(filter === undefined ? {} : { filter }),
  };
  const start = env.clock.now();
  const results: TestResult[] = [];
  const run = async (name: string, action: () => Promise<TestResult[]>) => {
    const from = env.clock.now();
    print(`\n== ${name}`);
    const found = await action().catch((error) => [
      { name, failure: error instanceof Error ? error.message : String(error) },
    ]);
    const failed = found.filter((result) => result.failure !== undefined);
    const seconds = ((env.clock.now() - from) / 1000).toFixed(1);
    print(
      `== ${name}: ${
        found.length - failed.length
      } passed, ${failed.length} failed in ${seconds} s`,
    );
    results.push(...found);
  };
  if (files.length > 0) {
    await run("files", () => denoTest("files", files, settings));
  }
  // A filter names tests, and these groups have none.
  const all = GROUPS.filter((group) =>
    filter === undefined ||
    !["format", "lint", "check"].includes(group)
  );
  const chosen = options.positional.length === 0 ? all : groups.filter(isGroup);
  for (const stage of stagesOf(chosen)) {
    const output = stage.length > 1 ? "at the end" : "live";
    await Promise.all(
      stage.map((group) =>
        run(group, () => runGroup(group, { ...settings, output }))
      ),
    );
  }

  const failed = results.filter((result) => result.failure !== undefined);
  if (failed.length > 0) print("\nFailed:");
  for (const { name, failure } of failed) {
    const lines = failure!.split("\n").slice(0, FAILURE_LINES);
    print([`  ${name}`, ...lines.map((line) => `    ${line}`)].join("\n"));
  }
  print(`\n${((env.clock.now() - start) / 1000).toFixed(0)} s`);
  print(`${results.length - failed.length} passed, ${failed.length} failed`);
  return failed.length === 0 && results.length > 0 ? 0 : 1;
}
