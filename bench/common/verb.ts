import type { AdapterFacts } from "../../src/gpu/mod.ts";
import type { Missing } from "../peers/open_peers.ts";
import type { Row } from "./rows.ts";

/** Parsed options of a bench. */
export interface BenchOptions {
  string(name: string): string | undefined;
  boolean(name: string): boolean;
  number(name: string): number | undefined;
}

/** What a bench found. */
export interface Report {
  readonly adapter: AdapterFacts;
  readonly rows: readonly Row[];
  /** Peers that took no part. */
  readonly missing: readonly Missing[];
  /** Further facts for the JSON. */
  readonly [detail: string]: unknown;
}

/** One bench: `ops`, `step`, … `--json`, `--record` and `--help` are common to all. */
export interface Verb {
  /** One line for the list. */
  readonly about: string;
  readonly help: string;
  readonly string: readonly string[];
  readonly boolean: readonly string[];
  /** Whole numbers from 0 on. */
  readonly number: readonly string[];
  /** @param log Takes lines about what is being done. */
  run(options: BenchOptions, log: (line: string) => void): Promise<Report>;
  /** Lines for people; default: a table with one line a row. */
  table?(report: Report): string[];
}
