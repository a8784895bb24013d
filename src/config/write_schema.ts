import type { Disk } from "../env/mod.ts";
import { configJsonSchema } from "./schema.ts";

/** Text of `configs/schema.json`, which editors read. */
export function schemaText(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
}

/** Writes it; a test fails while file and schema differ. */
export async function writeSchema(disk: Disk, path: string): Promise<void> {
  await disk.write(path, schemaText());
}
