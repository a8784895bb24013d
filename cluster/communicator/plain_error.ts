import { EnvironmentError } from "../../src/env/mod.ts";
import { NoAnswerError } from "../links/mod.ts";
import {
  CollectiveMismatchError,
  CollectiveTimeoutError,
  RankFailedError,
  type Wait,
} from "./errors.ts";

/** An error as it crosses from the comm worker to the main thread. */
export type PlainError =
  | { type: "timeout"; rank: number; wait: Wait }
  | { type: "rank-failed"; reason: string; failedRank: number | undefined }
  | { type: "mismatch"; message: string }
  | {
    type: "no-answer";
    subject: string;
    kind: NoAnswerError["kind"];
    timeoutMs: number;
  }
  | { type: "environment"; message: string; hint: string | undefined }
  | { type: "other"; name: string; message: string };

export function toPlain(error: unknown): PlainError {
  if (error instanceof CollectiveTimeoutError) {
    return { type: "timeout", rank: error.rank, wait: error.wait };
  }
  if (error instanceof RankFailedError) {
    const { reason, failedRank } = error;
    return { type: "rank-failed", reason, failedRank };
  }
  if (error instanceof CollectiveMismatchError) {
    return { type: "mismatch", message: error.message };
  }
  if (error instanceof NoAnswerError) {
    const { subject, kind, timeoutMs } = error;
    return { type: "no-answer", subject, kind, timeoutMs };
  }
  if (error instanceof EnvironmentError) {
    return { type: "environment", message: error.message, hint: error.hint };
  }
  return error instanceof Error
    ? { type: "other", name: error.name, message: error.message }
    : { type: "other", name: "Error", message: String(error) };
}

export function fromPlain(plain: PlainError): Error {
  switch (plain.type) {
    case "timeout":
      return new CollectiveTimeoutError(plain.rank, plain.wait);
    case "rank-failed":
      return new RankFailedError(plain.reason, plain.failedRank);
    case "mismatch":
      return new CollectiveMismatchError(plain.message);
    case "no-answer":
      return new NoAnswerError(plain.subject, plain.kind, plain);
    case "environment":
      return new EnvironmentError(
        plain.message,
        plain.hint === undefined ? {} : { hint: plain.hint },
      );
    case "other": {
      const error = new Error(plain.message);
      error.name = plain.name;
      return error;
    }
  }
}
