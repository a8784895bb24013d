/** Wide in East Asian scripts (Unicode's East_Asian_Width W and F). */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u;

/** Signs that take no place of their own. */
const WITHOUT_WIDTH = /^[\p{Mark}\p{Default_Ignorable_Code_Point}]*$/u;

const ASCII = /^[ -~]*$/;

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Columns that a text takes on a terminal. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  return graphemes.segment(text)[Symbol.iterator]().reduce(
    (width, { segment }) =>
      width + (WITHOUT_WIDTH.test(segment) ? 0 : WIDE.test(segment) ? 2 : 1),
    0,
  );
}

/** Signs that end a line, move the cursor or turn the direction of writing. */
const CONTROLS = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** Names of files and classes may hold line breaks and codes of the terminal. */
export function printable(text: string): string {
  return text.replace(
    CONTROLS,
    (sign) =>
      sign === "\n"
        ? "\\n"
        : `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
