import { deepStrictEqual } from "node:assert";
import { parseJunit } from "../../cluster/commands/junit.ts";

Deno.test("parseJunit() tells passed, failed and ignored tests apart", () => {
  const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="4" failures="1" errors="0" time="0.009">
  <testsuite name="./a_test.ts" tests="4" disabled="1" errors="0" failures="1">
    <testcase name="f() &lt;b&gt; &amp; &quot;c&quot;" classname="./a_test.ts" time="0.001" line="1" col="6">
    </testcase>
    <testcase name="g()" classname="./a_test.ts" time="0.001" line="2" col="6">
      <failure message="Uncaught Error: a &gt; b
second">Error: a &gt; b
second</failure>
    </testcase>
    <testcase name="h()" classname="./a_test.ts" time="0.000" line="3" col="11">
      <skipped/>
    </testcase>
    <testcase name="i()" classname="./a_test.ts" time="0.000" line="4" col="6"/>
  </testsuite>
</testsuites>`;
  deepStrictEqual(parseJunit(report), [
    { name: './a_test.ts: f() <b> & "c"' },
    { name: "./a_test.ts: g()", failure: "Error: a > b\nsecond" },
    {
      name: "./a_test.ts: h()",
      failure: "ignored: a test may not be skipped",
    },
    { name: "./a_test.ts: i()" },
  ]);
  // What a filter leaves out is reported as ignored.
  deepStrictEqual(parseJunit(report, "i").map(({ name }) => name), [
    './a_test.ts: f() <b> & "c"',
    "./a_test.ts: g()",
    "./a_test.ts: i()",
  ]);
});

Deno.test("parseJunit() finds nothing in what is no report", () => {
  deepStrictEqual(parseJunit(""), []);
  deepStrictEqual(parseJunit("<testsuites></testsuites>"), []);
});
