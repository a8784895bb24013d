import { ConfigError, SignetError } from "./errors.ts";

/** What is no defect of a program, by the system's word for it. */
const FAULTS: Readonly<
  Record<string, readonly [doing: "write" | "use", hint: string]>
> = {
  ENOSPC: ["write", "free some space on its disk"],
  EDQUOT: ["write", "your quota on its disk is used up"],
  EROFS: [
    "write",
    "its disk can only be read: was it mounted anew after a fault?",
  ],
  EACCES: ["use", "it, or a folder above it, belongs to someone else"],
  ENOTDIR: ["use", "what should be a folder on the way to it is a file"],
};

/** The error for people, if it is that of a disk or a path rather than a defect. */
export function diskError(
  error: unknown,
  path?: string,
): SignetError | undefined {
  const { code, message } = Object(error) as Partial<Error & { code: string }>;
  const fault = FAULTS[code ?? ""];
  if (fault === undefined || message === undefined) return undefined;
  const [doing, hint] = fault;
  // The system names the file only sometimes.
  const where = path ?? /'(.+?)'/.exec(message)?.[1] ?? "a file";
  const [reason] = message.split(": ");
  // A path that does not fit is the user's to change.
  const Kind = doing === "use" ? ConfigError : SignetError;
  return new Kind(`Cannot ${doing} ${where}: ${reason}`, {
    cause: error,
    hint,
  });
}
