/** What a run of the command line is given by its process. */
export interface Io {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly stdin: NodeJS.ReadableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts, with a CliError as its reason, when the person presses Ctrl-C. */
  readonly signal: AbortSignal;
}
