/**
 * Source with comments and the text of strings blanked, so that a search finds
 * only code. Line numbers stay; code inside `${}` is kept.
 */
export function codeOnly(source: string): string {
  let code = "";
  let at = 0;
  // Depth of braces in each open template literal.
  const templates: number[] = [];
  const blank = (length: number) => {
    code += source.slice(at, at + length).replace(/[^\n]/g, " ");
    at += length;
  };
  const template = () => {
    const length = /^(?:[^\\`$]|\\[\s\S]|\$(?!\{))*/.exec(source.slice(at))![0]
      .length;
    blank(length);
    if (source[at] === "`") {
      templates.pop();
      blank(1);
    } else blank(2);
  };
  while (at < source.length) {
    const rest = source.slice(at, at + 2);
    if (rest === "//") {
      const end = source.indexOf("\n", at);
      blank((end < 0 ? source.length : end) - at);
    } else if (rest === "/*") {
      const end = source.indexOf("*/", at + 2);
      blank((end < 0 ? source.length : end + 2) - at);
    } else if (rest[0] === '"' || rest[0] === "'") {
      const pattern = rest[0] === '"'
        ? /^"(?:[^"\\\n]|\\.)*"?/
        : /^'(?:[^'\\\n]|\\.)*'?/;
      blank(pattern.exec(source.slice(at))![0].length);
    } else if (rest[0] === "`") {
      blank(1);
      templates.push(0);
      template();
    } else if (rest[0] === "}" && templates.at(-1) === 0) {
      blank(1);
      template();
    } else {
      const depth = templates.length - 1;
      if (depth >= 0 && rest[0] === "{") templates[depth]!++;
      if (depth >= 0 && rest[0] === "}") templates[depth]!--;
      code += rest[0];
      at++;
    }
  }
  return code;
}

/** `file:line: text` of every match in the code of `files`. */
export async function findInCode(
  files: readonly string[],
  pattern: RegExp,
): Promise<string[]> {
  const found: string[] = [];
  for (const file of files) {
    const source = await Deno.readTextFile(file);
    const lines = source.split("\n");
    for (const [index, code] of codeOnly(source).split("\n").entries()) {
      if (pattern.test(code)) {
        found.push(`${file}:${index + 1}: ${lines[index]!.trim()}`);
      }
    }
  }
  return found;
}
