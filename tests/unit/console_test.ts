import { deepStrictEqual, strictEqual } from "node:assert";
import { table } from "../../cluster/console.ts";
import { displayWidth, printable } from "../../cluster/printable.ts";

Deno.test("displayWidth() counts the columns of a terminal", () => {
  const widths: [string, number][] = [
    ["letter_a", 8],
    ["größe", 5],
    ["gro\u0308ße", 5],
    ["猫 と 犬", 8],
    ["ｶﾅ", 2],
    ["한글", 4],
    ["👩‍👩‍👧", 2],
    ["❤️", 2],
    ["🇩🇪", 2],
    ["a\u200bb", 2],
    ["", 0],
  ];
  for (const [text, width] of widths) {
    strictEqual(displayWidth(text), width, text);
  }
});

Deno.test("table() aligns names of any script, each on one line", () => {
  deepStrictEqual(
    table([["class", "images"], ["猫", "5"], ["e\u0301", "10"], [
      "a\nb\x1b[2J",
      "1",
    ]]),
    [
      "class          images",
      "猫                  5",
      "e\u0301                  10",
      "a\\nb\\u001b[2J       1",
    ],
  );
});

Deno.test("printable() shows what would move the cursor", () => {
  strictEqual(printable("a\tb\u202ec"), "a\\u0009b\\u202ec");
});
