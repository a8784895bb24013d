import { deepStrictEqual, strictEqual } from "node:assert";
import { productFiles } from "../helpers/import_graph.ts";
import { codeOnly, findInCode } from "../helpers/source_words.ts";

const files = await productFiles();

/** Places that are a border to the machine themselves. */
const BORDERS = [
  "src/env/",
  "src/gpu/",
  "cluster/links/",
  "cluster/launch/",
  "cluster/main.ts",
];

function outside(places: readonly string[]): string[] {
  return files.filter((file) =>
    !places.some((place) => file.startsWith(place))
  );
}

Deno.test("codeOnly() blanks comments and strings, not code in templates", () => {
  strictEqual(
    codeOnly('a; // Date.now\n"Date.now" + b /* x\ny */ + c'),
    `a;            \n           + b     \n     + c`,
  );
  strictEqual(
    codeOnly("`x ${f({ a: `n ${1}` })} Date` + g('\\'`') + h"),
    "     f({ a:      1   })        + g(     ) + h",
  );
});

Deno.test("clock, timers and chance are reached only through src/env", async () => {
  const clock =
    /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b|\bMath\.random\b|\bset(?:Timeout|Interval|Immediate)\b|\bAbortSignal\.timeout\b|\brandomUUID\b|\bgetRandomValues\b/;
  deepStrictEqual(await findInCode(outside(BORDERS), clock), []);
});

Deno.test("files are reached only through src/env", async () => {
  const access =
    /\bDeno\.(?:open|create|read\w*|write\w*|truncate|mkdir|remove|rename|copyFile|stat|lstat|link|symlink|chmod|chown|utime|realPath|makeTemp\w*|watchFs|FsFile)(?:Sync)?\b/;
  deepStrictEqual(await findInCode(outside(BORDERS), access), []);
});

Deno.test("the process is ended only through src/env", async () => {
  const exit = /\bDeno\.exit\b|\bprocess\.exit\b/;
  deepStrictEqual(await findInCode(outside(BORDERS), exit), []);
});

Deno.test("only src/gpu touches navigator.gpu", async () => {
  const found = await findInCode(files, /\bnavigator\b/);
  deepStrictEqual(found.filter((line) => !line.startsWith("src/gpu/")), []);
  strictEqual(found.length > 0, true);
});

Deno.test("only the console and commands write to the terminal", async () => {
  const terminal =
    /\bconsole\.\w|\bDeno\.(?:stdout|stderr)\b|\b(?:alert|prompt|confirm)\(/;
  const places = [
    "cluster/console.ts",
    "cluster/commands/",
    "cluster/main.ts",
    // Asks only whether there is one.
    "cluster/terminal.ts",
    // Programs of their own, which ranks run.
    "cluster/examples/",
  ];
  deepStrictEqual(await findInCode(outside(places), terminal), []);
});

Deno.test("node modules that reach the machine are not imported", async () => {
  const lines = (await Promise.all(
    outside(BORDERS).map(async (file) => {
      const text = await Deno.readTextFile(file);
      const found = text.match(
        /from "node:(?:fs|net|http|child_process|timers|process|worker_threads)[^"]*"/g,
      );
      return (found ?? []).map((line) => `${file}: ${line}`);
    }),
  )).flat();
  deepStrictEqual(lines, []);
});

Deno.test("sources keep the house rules on form", async () => {
  const defaults = await findInCode(files, /\bexport default\b/);
  const arrows = await findInCode(
    files,
    /^(?:export )?const \w+(?:: [^=]+)? = (?:async )?\([^)]*\)(?:: [^=]+)? =>/,
  );
  const unfinished = (await Promise.all(files.map(async (file) => {
    const text = await Deno.readTextFile(file);
    return /\b(?:TODO|FIXME|XXX)\b/.test(text) ? [file] : [];
  }))).flat();
  deepStrictEqual({ defaults, arrows, unfinished }, {
    defaults: [],
    arrows: [],
    unfinished: [],
  });
});
