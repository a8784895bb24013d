import { ConfigError, SignetError } from "./errors.ts";

/** What is no defect of a program, by the system's word for it. */
const FAULTS: Readonly<
  Record<string, readonly [doing: "write" | "reach" | "use", hint: string]>
> = {
  ENOSPC: ["write", "free some space on its disk"],
  EDQUOT: ["write", "your quota on its disk is used up"],
  EROFS: [
    "write",
    "its disk can only be read: was it mounted anew after a fault?",
  ],
  EIO: ["reach", "its disk fails, or it is no file of a disk"],
  ESTALE: ["reach", "the server of its disk has lost it: is it mounted anew?"],
  EMFILE: ["reach", "this process has too many files open: see ulimit -n"],
  EACCES: ["use", "it, or a folder above it, belongs to someone else"],
  EPERM: ["use", "its file system, or your rights, allow no such change"],
  ENOTDIR: ["use", "what should be a folder on the way to it is a file"],
  ENAMETOOLONG: ["use", "give it a shorter name"],
  ELOOP: ["use", "links on the way to it lead in a circle"],
};

/** Deno lets a program into folders of the system only if it may do everything. */
const CLOSED = /^Requires \S+ access to "(.+?)"/;

/** The error for people, if it is that of a disk or a path rather than a defect. */
export function diskError(
  error: unknown,
  path?: string,
): SignetError | undefined {
  const { code, message } = Object(error) as Partial<Error & { code: string }>;
  const closed = CLOSED.exec(message ?? "")?.[1];
  if (error instanceof Deno.errors.NotCapable && closed !== undefined) {
    return new ConfigError(`Cannot use ${closed}: it is the system's own`, {
      cause: error,
      hint: "give a path on a disk, not in /proc, /sys or /dev",
    });
  }
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

/** Bytes of a name that are not UTF-8 are listed as this sign, which opens nothing. */
export function isLossyName(path: string): boolean {
  return path.includes("\ufffd");
}
