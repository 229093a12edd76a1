/** The system's own code of an error, such as "ENOENT"; empty for other errors. Jest's tests have another `Error` than Node itself. */
export const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
