import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import fc from "fast-check";
import { parseArgs } from "@std/cli/parse-args";
import { mergeReadableStreams } from "@std/streams/merge-readable-streams";
import { TextLineStream } from "@std/streams/text-line-stream";

Deno.test("parseArgs() takes values after a space, an equals sign and a letter", () => {
  const options = { string: ["name"], alias: { n: "ranks" } };
  deepStrictEqual(parseArgs(["--name", "a", "--x=b=c", "-n3", "-v"], options), {
    _: [],
    name: "a",
    x: "b=c",
    n: 3,
    ranks: 3,
    v: true,
  });
  deepStrictEqual(parseArgs(["-n=4", "-abc", "7"]), {
    _: [],
    n: 4,
    a: true,
    b: true,
    c: 7,
  });
});

Deno.test("parseArgs() converts numbers unless the option is a string", () => {
  deepStrictEqual(
    parseArgs(["--a", "1e3", "--b", "010", "5", "0x10"], { string: ["b"] }),
    { _: [5, 16], a: 1000, b: "010" },
  );
  deepStrictEqual(parseArgs(["007", "1e3"], { string: "_" })._, ["007", "1e3"]);
});

Deno.test("parseArgs() gives booleans no value but true and false", () => {
  const options = { boolean: ["json", "quiet"], negatable: ["color"] };
  deepStrictEqual(
    parseArgs(["--json", "run", "--quiet", "false", "--no-color"], options),
    { _: ["run"], json: true, quiet: false, color: false },
  );
  deepStrictEqual(parseArgs(["--json=false", "--no-other"], options), {
    _: [],
    json: false,
    "no-other": true,
    quiet: false,
  });
});

Deno.test("parseArgs() collects repeated options, else keeps the last", () => {
  const options = {
    string: ["set", "none"],
    collect: ["set", "none"],
    alias: { s: "set" },
  };
  deepStrictEqual(
    parseArgs(["--set", "a", "-s", "b", "--x", "1", "--x", "2"], options),
    { _: [], s: ["a", "b"], set: ["a", "b"], x: 2, none: [] },
  );
});

Deno.test("parseArgs() fills defaults under every name of an option", () => {
  deepStrictEqual(
    parseArgs(["--b", "2"], {
      alias: { a: ["all"], b: "both" },
      default: { all: 1, b: 9 },
    }),
    { _: [], a: 1, all: 1, b: 2, both: 2 },
  );
});

Deno.test("parseArgs() ends options at -- and, if asked, at the first argument", () => {
  deepStrictEqual(parseArgs(["a", "--", "--b", "1"]), { _: ["a", "--b", 1] });
  deepStrictEqual(parseArgs(["a", "--", "--b", "1"], { "--": true }), {
    _: ["a"],
    "--": ["--b", "1"],
  });
  deepStrictEqual(
    parseArgs(["--x", "run", "-n", "--", "y"], {
      boolean: ["x"],
      stopEarly: true,
    }),
    { _: ["run", "-n", "--", "y"], x: true },
  );
});

Deno.test("parseArgs() asks unknown() about what is not declared", () => {
  const seen: unknown[] = [];
  const parsed = parseArgs(["--typo", "1", "--json", "file"], {
    boolean: ["json"],
    unknown(arg, key, value) {
      seen.push([arg, key, value]);
      return key === undefined;
    },
  });
  deepStrictEqual(seen, [["--typo", "typo", 1], [
    "file",
    undefined,
    undefined,
  ]]);
  deepStrictEqual(parsed, { _: ["file"], json: true });
});

Deno.test("parseArgs() sets no prototype when an option is called __proto__", () => {
  const parsed = parseArgs(["--__proto__=x", "--constructor", "y"]);
  strictEqual(Object.getPrototypeOf(parsed), Object.prototype);
  strictEqual(Object.hasOwn(parsed, "__proto__"), true);
  strictEqual(parsed.constructor, "y");
});

async function linesOf(chunks: string[], allowCR = false): Promise<string[]> {
  const stream = ReadableStream.from(chunks);
  return await Array.fromAsync(
    stream.pipeThrough(new TextLineStream({ allowCR })),
  );
}

Deno.test("TextLineStream gives the same lines however the text is cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.constantFrom("a", "b", "\n", "\r"))),
      async (parts) => {
        const chunks = parts.map((part) => part.join(""));
        const text = chunks.join("");
        const whole = text === "" ? [] : text.split(/\r\n|\n/);
        if (whole.at(-1) === "") whole.pop();
        deepStrictEqual(await linesOf(chunks), whole);
      },
    ),
    { seed: 7, numRuns: 200 },
  );
});

Deno.test("TextLineStream ends lines at a lone carriage return when allowed", async () => {
  deepStrictEqual(await linesOf(["1\r", "\n2\r3", "\r"], true), [
    "1",
    "2",
    "3",
  ]);
  deepStrictEqual(await linesOf(["1\r2\n"]), ["1\r2"]);
});

Deno.test("mergeReadableStreams() passes on every chunk in each source's order", async () => {
  const merged = mergeReadableStreams(
    ReadableStream.from([1, 2, 3]),
    ReadableStream.from([]),
    ReadableStream.from([10, 20]),
  );
  const chunks = await Array.fromAsync(merged);
  deepStrictEqual(chunks.filter((chunk) => chunk < 10), [1, 2, 3]);
  deepStrictEqual(chunks.filter((chunk) => chunk >= 10), [10, 20]);
});

Deno.test("mergeReadableStreams() fails and cancels the others when a source fails", async () => {
  let cancelled: unknown;
  const endless = new ReadableStream<number>({
    cancel: (reason) => void (cancelled = reason),
  });
  const broken = new ReadableStream<number>({
    start: (controller) => controller.error(new Error("cable cut")),
  });
  await rejects(Array.fromAsync(mergeReadableStreams(endless, broken)), {
    message: "cable cut",
  });
  strictEqual((cancelled as Error).message, "cable cut");
});

Deno.test("mergeReadableStreams() cancels its sources when it is cancelled", async () => {
  const reasons: unknown[] = [];
  const source = () =>
    new ReadableStream<number>({
      cancel: (reason) => void reasons.push(reason),
    });
  await mergeReadableStreams(source(), source()).cancel("enough");
  deepStrictEqual(reasons, ["enough", "enough"]);
});
