/** One test as the runner reported it. */
export interface TestResult {
  /** File and name. */
  name: string;
  /** The first lines of the failure; absent when it passed. */
  failure?: string;
}

const ENTITIES: Record<string, string> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

function unescapeXml(text: string): string {
  return text.replace(/&(#x?[0-9a-f]+|\w+);/gi, (whole, entity: string) => {
    if (!entity.startsWith("#")) return ENTITIES[entity] ?? whole;
    const code = /^#x/i.test(entity)
      ? parseInt(entity.slice(2), 16)
      : parseInt(entity.slice(1), 10);
    return String.fromCodePoint(code);
  });
}

/**
 * Reads the JUnit report of `deno test`. An ignored test counts as failed; with a
 * filter the report has those that it leaves out as ignored too, and they do not count.
 */
export function parseJunit(xml: string, filter?: string): TestResult[] {
  const cases = xml.matchAll(
    /<testcase name="([^"]*)" classname="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g,
  );
  return [...cases].flatMap(([, name = "", file = "", body = ""]) => {
    const result = { name: `${unescapeXml(file)}: ${unescapeXml(name)}` };
    if (/<skipped\b/.test(body)) {
      return filter === undefined
        ? { ...result, failure: "ignored: a test may not be skipped" }
        : [];
    }
    const failure = /<(failure|error)\b[^>]*>([\s\S]*?)<\/\1>/.exec(body);
    return failure
      ? { ...result, failure: unescapeXml(failure[2]!).trim() }
      : result;
  });
}
