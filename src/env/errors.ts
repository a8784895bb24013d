/**
 * An error that a user can act on. The console prints `message`, then `hint` on
 * a line of its own, never a stack trace.
 */
export class SignetError extends Error {
  override name = "SignetError";
  /** What to do about it. */
  readonly hint: string | undefined;
  /** 1 run failed, 2 usage or configuration, 3 environment not usable. */
  readonly exitCode: number;

  constructor(
    message: string,
    options: { hint?: string; exitCode?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** A configuration, an argument or an input file is wrong: exit 2. */
export class ConfigError extends SignetError {
  override name = "ConfigError";
  constructor(
    message: string,
    options: { hint?: string; cause?: unknown } = {},
  ) {
    super(message, { ...options, exitCode: 2 });
  }
}

/** This machine lacks something: exit 3. */
export class EnvironmentError extends SignetError {
  override name = "EnvironmentError";
  constructor(
    message: string,
    options: { hint?: string; cause?: unknown } = {},
  ) {
    super(message, { ...options, exitCode: 3 });
  }
}
