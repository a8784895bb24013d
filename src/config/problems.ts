import { configKeys, keysUnder } from "./keys.ts";
import { nearest } from "./nearest.ts";

/** What is wrong with one key. */
export interface Problem {
  path: readonly string[];
  /** Follows `file: key.path: `. */
  message: string;
  /** Another key that may have caused it; its file is named if `path` has none. */
  cause?: readonly string[];
}

/** The parts of a zod issue that messages are made of. */
export interface Issue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
  readonly values?: readonly unknown[];
  readonly expected?: string;
  readonly errors?: readonly (readonly Issue[])[];
  readonly minimum?: number | bigint;
  readonly maximum?: number | bigint;
  readonly inclusive?: boolean;
  readonly origin?: string;
  readonly pattern?: string;
}

/** Turns a schema issue into one problem per key. */
export function problemsOf(
  issue: Issue,
  at: (path: readonly string[]) => unknown,
): Problem[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return (issue.keys ?? []).map((key) => ({
      path: [...path, key],
      message: `unknown key${suggestKey(path, key)}`,
    }));
  }
  const value = at(path);
  return [{ path, message: `${expectation(issue, value)}` }];
}

function expectation(issue: Issue, value: unknown): string {
  const found = show(value);
  switch (issue.code) {
    case "invalid_value":
      return `${found} is not one of ${(issue.values ?? []).join(", ")}${
        suggestion(value, issue.values ?? [])
      }`;
    case "invalid_union": {
      const wanted = (issue.errors ?? []).flat().map(wants);
      return `expected ${wanted.join(" or ")}, found ${found}`;
    }
    default:
      return `expected ${wants(issue)}, found ${found}`;
  }
}

function wants(issue: Issue): string {
  switch (issue.code) {
    case "invalid_value":
      return (issue.values ?? []).join(", ");
    case "invalid_type":
      return ({
        int: "a whole number",
        number: "a number",
        string: "text",
        boolean: "true or false",
        object: "a group of keys",
        array: "a list",
      } as Record<string, string>)[issue.expected ?? ""] ?? issue.message;
    case "too_small":
      if (issue.origin === "string") return "text that is not empty";
      return `a number ${
        issue.inclusive ? "of at least" : "above"
      } ${issue.minimum}`;
    case "too_big":
      return `a number ${
        issue.inclusive ? "of at most" : "below"
      } ${issue.maximum}`;
    case "invalid_format":
      return `text like ${issue.pattern}`;
    default:
      return issue.message;
  }
}

/** At most this many characters of a wrong value are repeated. */
const SHOWN = 60;

function show(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a group";
  const text = value === "" ? '""' : String(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

function suggestion(value: unknown, allowed: readonly unknown[]): string {
  if (typeof value !== "string") return "";
  const match = nearest(value, allowed.map(String));
  return match === undefined ? "" : `; did you mean ${match}?`;
}

/** Keys of a group that are few enough to be listed. */
const MOST_LISTED = 16;

/** Keys by the names that other programs give them at the top, without signs. */
const ALSO_CALLED: Readonly<Record<string, string>> = {
  batch: "globalBatch",
  batchsize: "globalBatch",
  epochs: "phases.<phase>.images",
  steps: "phases.<phase>.images",
  lr: "phases.<phase>.optimizer.learningRate",
  wd: "phases.<phase>.optimizer.weightDecay",
};

/** The nearest key beside it, else one of that name elsewhere, else all beside it. */
function suggestKey(path: readonly string[], key: string): string {
  const beside = keysUnder(path);
  const meant = nearest(key, beside) ??
    beside.find((name) => initialsOf(name) === key.toLowerCase()) ??
    (path.length === 0 ? alsoCalled(key) : undefined) ?? elsewhere(key);
  if (meant !== undefined) return `; did you mean ${meant}?`;
  return beside.length === 0 || beside.length > MOST_LISTED
    ? ""
    : `; there are ${beside.join(", ")}`;
}

function alsoCalled(key: string): string | undefined {
  const plain = key.toLowerCase().replace(/[^a-z]/g, "");
  return Object.hasOwn(ALSO_CALLED, plain) ? ALSO_CALLED[plain] : undefined;
}

/** `lr` of `learningRate`. */
function initialsOf(name: string): string {
  return name.replace(/(?<=.)[a-z0-9]+/g, "").toLowerCase();
}

/** The shortest path to a key or a group with that name, or nearly that. */
function elsewhere(key: string): string | undefined {
  const paths = new Map<string, string>();
  for (const { path } of configKeys()) {
    const parts = path.split(".");
    parts.forEach((name, i) => {
      const full = parts.slice(0, i + 1).join(".");
      const known = paths.get(name);
      if (known === undefined || full.length < known.length) {
        paths.set(name, full);
      }
    });
  }
  const exact = paths.get(key);
  // Short names are near to many that mean something else.
  if (exact !== undefined || key.length < 5) return exact;
  const near = nearest(key, paths.keys());
  return near === undefined ? undefined : paths.get(near);
}
