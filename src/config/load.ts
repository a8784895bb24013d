import { ConfigError, type Disk } from "../env/mod.ts";
import { checkConfig } from "./checks.ts";
import { type Issue, type Problem, problemsOf } from "./problems.ts";
import { type Config, configSchema } from "./schema.ts";
import { ConfigSource, mergeFile, mergeOverride } from "./source.ts";

/** Problems beyond this many are only counted. */
const MAX_PROBLEMS = 20;

/**
 * Reads a configuration, applies `key.path=value` overrides and checks it.
 *
 * @param path File; left out, all keys start from their defaults.
 * @throws {ConfigError} One line per problem, each with file and key.
 */
export async function loadConfig(
  disk: Disk,
  path: string | undefined,
  overrides: readonly string[] = [],
): Promise<Config> {
  const source = new ConfigSource(path ?? "defaults");
  if (path !== undefined) await mergeFile(disk, path, source);
  for (const override of overrides) mergeOverride(override, source);
  return check(source);
}

/** Checks a configuration that is already in memory; `name` stands for the file. */
export function parseConfig(value: unknown, name = "config"): Config {
  const source = new ConfigSource(name);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ConfigError(`${name}: expected an object with keys`);
  }
  const { $schema: _, ...keys } = value as Record<string, unknown>;
  source.merge([], keys, name);
  return check(source);
}

function check(source: ConfigSource): Config {
  const result = configSchema.safeParse(source.value);
  const problems = result.success
    ? checkConfig(result.data)
    : result.error.issues.flatMap((issue) =>
      problemsOf(issue as Issue, (path) => source.at(path))
    );
  if (!result.success || problems.length > 0) {
    throw new ConfigError(report(problems, source));
  }
  return result.data;
}

function report(problems: Problem[], source: ConfigSource): string {
  const lines = problems.map(({ path, message, cause }) =>
    [source.originOf(path, cause), path.join("."), message]
      .filter((part) => part !== "").join(": ")
  );
  const more = lines.length - MAX_PROBLEMS;
  if (more > 0) lines.splice(MAX_PROBLEMS, more, `and ${more} more problems`);
  return lines.join("\n");
}
