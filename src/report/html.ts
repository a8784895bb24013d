/** Text that is HTML already. Everything else is escaped when it is put in. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Part = Html | string | number | undefined | false | readonly Part[];

/** A template whose values are escaped, unless they are {@linkcode Html}. */
export function html(strings: TemplateStringsArray, ...values: Part[]): Html {
  const fixed = compact(strings);
  let text = fixed[0]!;
  values.forEach((value, i) => text += show(value) + fixed[i + 1]!);
  return new Html(text);
}

const compacted = new WeakMap<TemplateStringsArray, string[]>();

/** The indentation of the source would be most of a large page. */
function compact(strings: TemplateStringsArray): string[] {
  let fixed = compacted.get(strings);
  if (!fixed) {
    fixed = strings.map((text) => text.replace(/\s*\n\s*/g, "\n"));
    compacted.set(strings, fixed);
  }
  return fixed;
}

function show(value: Part): string {
  if (value === undefined || value === false) return "";
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(show).join("");
  return escapeHtml(String(value));
}

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Safe in text and in quoted attributes; control characters become spaces. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char]!)
    // deno-lint-ignore no-control-regex
    .replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, " ")
    .toWellFormed();
}

/** At most `length` characters, so that a name cannot break the page. */
export function shorten(text: string, length: number): string {
  const characters = [...text.slice(0, 4 * length)];
  return characters.length > length
    ? `${characters.slice(0, length - 1).join("")}…`
    : text;
}
