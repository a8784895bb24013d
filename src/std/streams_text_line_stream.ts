/** Options of {@linkcode TextLineStream}. */
export interface TextLineStreamOptions {
  /** Also end lines at a lone carriage return. */
  allowCR?: boolean;
}

/**
 * Splits text into lines, without their ends, as `@std/streams/text-line-stream`.
 * A last line without an end is passed on; a final line end adds no empty line.
 *
 * @example
 * ```ts
 * import { TextLineStream } from "@std/streams/text-line-stream";
 * import { deepStrictEqual } from "node:assert";
 *
 * const text = ReadableStream.from(["a\nb", "c\r\nd"]);
 * const lines = text.pipeThrough(new TextLineStream());
 * deepStrictEqual(await Array.fromAsync(lines), ["a", "bc", "d"]);
 * ```
 */
export class TextLineStream extends TransformStream<string, string> {
  constructor(options: TextLineStreamOptions = {}) {
    const end = options.allowCR ? /\r\n|\n|\r/g : /\r\n|\n/g;
    let pending = "";
    super({
      transform(chunk, controller) {
        const text = pending + chunk;
        // A carriage return at the end of a chunk may be half of a line end.
        const usable = text.endsWith("\r") ? text.length - 1 : text.length;
        let start = 0;
        end.lastIndex = Math.max(0, pending.length - 1);
        for (
          let match = end.exec(text);
          match !== null && match.index < usable;
          match = end.exec(text)
        ) {
          controller.enqueue(text.slice(start, match.index));
          start = end.lastIndex;
        }
        pending = text.slice(start);
      },
      flush(controller) {
        if (pending === "") return;
        const line = options.allowCR && pending.endsWith("\r")
          ? pending.slice(0, -1)
          : pending;
        controller.enqueue(line);
      },
    });
  }
}
