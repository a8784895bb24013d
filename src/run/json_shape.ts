/**
 * Finds keys that occur twice in one object and nesting deeper than `depth`,
 * which `JSON.parse` accepts in silence or pays for with the stack. Returns
 * what is wrong; other syntax errors are left to `JSON.parse`.
 */
export function jsonShapeProblem(
  text: string,
  depth: number,
): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '"') {
      const start = i;
      i = endOfString(text, start);
      const keys = open.at(-1);
      if (!keys || !colonFollows(text, i + 1)) continue;
      const literal = text.slice(start, i + 1);
      const key = unescape(literal);
      if (keys.has(key)) return `key ${literal.slice(0, 80)} occurs twice`;
      keys.add(key);
    } else if (char === "{" || char === "[") {
      if (open.length === depth) return `nested more than ${depth} deep`;
      open.push(char === "{" ? new Set() : undefined);
    } else if (char === "}" || char === "]") {
      open.pop();
    }
  }
  return undefined;
}

/** Position of the closing quote, or of the last character. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === '"') return i;
  }
  return text.length - 1;
}

function colonFollows(text: string, from: number): boolean {
  while (from < text.length && " \t\r\n".includes(text[from]!)) from++;
  return text[from] === ":";
}

function unescape(literal: string): string {
  try {
    return JSON.parse(literal);
  } catch {
    return literal;
  }
}
