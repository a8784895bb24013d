/** One table as CSV (RFC 4180): cells with separator, quote or line break are quoted. */
export function toCsv(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.map(cell).join(",")}\n`).join("");
}

function cell(value: string | number): string {
  const text = String(value);
  return /[",;\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Reads what {@linkcode toCsv} writes, and what spreadsheets make of it. */
export function parseCsv(text: string): string[][] {
  const separator = separatorOf(text);
  const plain = new RegExp(`[^"${separator}\\r\\n]+`, "y");
  const rows: string[][] = [];
  let row: string[] = [];
  let value = "";
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  while (at < text.length) {
    plain.lastIndex = at;
    const run = plain.exec(text)?.[0] ?? "";
    at += run.length;
    value += run;
    const sign = text[at++];
    if (sign === separator) {
      row.push(value);
      value = "";
    } else if (sign === "\n") {
      rows.push([...row, value]);
      row = [];
      value = "";
    } else if (sign === '"') {
      while (true) {
        const found = text.indexOf('"', at);
        const end = found < 0 ? text.length : found;
        value += text.slice(at, end);
        at = end + 1;
        // Two quotes stand for one.
        if (text[at] !== '"') break;
        value += text[at++];
      }
    }
  }
  if (value !== "" || row.length > 0) rows.push([...row, value]);
  return rows;
}

/**
 * A semicolon where the first line has one and no comma, outside of quotes: what
 * spreadsheets write in countries whose numbers have a comma.
 */
function separatorOf(text: string): "," | ";" {
  let separator: "," | ";" = ",";
  let quoted = false;
  for (const sign of text) {
    if (sign === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (sign === ",") return ",";
    else if (sign === ";") separator = ";";
    else if (sign === "\n") break;
  }
  return separator;
}
