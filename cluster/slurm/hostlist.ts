import { ConfigError } from "../../src/env/mod.ts";

/** More hosts than any cluster has: a wrong list must not fill the memory. */
const MAX_HOSTS = 65_536;

/**
 * Hosts of a list as SLURM writes it: `gpu[01-03,07],login1`, with several
 * brackets in a name, and leading zeros that stay. Order and repetitions stay.
 *
 * @throws {ConfigError} If the list is none.
 */
export function expandHostlist(list: string): string[] {
  const hosts: string[] = [];
  for (const part of splitOutside(list)) {
    for (const host of expandName(part, list)) {
      if (hosts.push(host) > MAX_HOSTS) {
        throw wrong(list, `it has more than ${MAX_HOSTS} hosts`);
      }
    }
  }
  return hosts;
}

/**
 * Tasks of each node: SLURM writes `4(x2),3` for 4, 4 and 3.
 *
 * @throws {ConfigError} If the text is no such list.
 */
export function expandCounts(text: string): number[] {
  const counts = text.split(",").flatMap((part) => {
    const match = /^(\d{1,5})(?:\(x(\d{1,5})\))?$/.exec(part.trim());
    if (match === null) {
      throw new ConfigError(
        `Cannot read the tasks per node "${text}": "${part}" is no count`,
      );
    }
    return new Array<number>(Number(match[2] ?? 1)).fill(Number(match[1]));
  });
  return counts;
}

/** Splits at commas that are in no bracket. */
function splitOutside(list: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = "";
  for (const letter of list.trim()) {
    if (letter === "[") depth++;
    if (letter === "]") depth--;
    if (depth < 0 || depth > 1) throw wrong(list, "its brackets do not match");
    if (letter === "," && depth === 0) {
      parts.push(part);
      part = "";
    } else part += letter;
  }
  if (depth !== 0) throw wrong(list, "its brackets do not match");
  parts.push(part);
  return parts;
}

/** All names of one pattern: each bracket multiplies those before it. */
function expandName(pattern: string, list: string): string[] {
  const pieces = pattern.split(/\[([^\]]*)\]/);
  let names = [""];
  pieces.forEach((piece, i) => {
    if (i % 2 === 0 && !/^[A-Za-z0-9._-]*$/.test(piece)) {
      throw wrong(list, `"${piece}" is no part of a host name`);
    }
    const values = i % 2 === 0 ? [piece] : expandRanges(piece, list);
    if (names.length * values.length > MAX_HOSTS) {
      throw wrong(list, `it has more than ${MAX_HOSTS} hosts`);
    }
    names = names.flatMap((name) => values.map((value) => name + value));
  });
  if (names.includes("")) throw wrong(list, "a host is empty");
  return names;
}

/** `01-03,7`: numbers keep the width that the first of a range is written with. */
function expandRanges(text: string, list: string): string[] {
  return text.split(",").flatMap((range) => {
    const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(range.trim());
    if (match === null) throw wrong(list, `"${range}" is no range`);
    const [, first = "", last = first] = match;
    const count = Number(last) - Number(first) + 1;
    if (count < 1) throw wrong(list, `${range} runs backwards`);
    if (count > MAX_HOSTS) {
      throw wrong(list, `it has more than ${MAX_HOSTS} hosts`);
    }
    return Array.from(
      { length: count },
      (_, i) => String(Number(first) + i).padStart(first.length, "0"),
    );
  });
}

function wrong(list: string, reason: string): ConfigError {
  const shown = list.length > 80 ? `${list.slice(0, 80)}…` : list;
  return new ConfigError(`Cannot read the host list "${shown}": ${reason}`, {
    hint: "a host list looks like n1,gpu[01-04,08]",
  });
}
