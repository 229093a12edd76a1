/** Validation of construct props and of what main.ts reads. */
import type { Construct } from "constructs";
import type { z } from "zod";
import { InvalidInput, parse } from "../contract/problems.js";

/**
 * Validates the plain part of a construct's props and fills in its defaults.
 * @throws InvalidInput one line a fault, each led by the construct's class and path
 */
export function checked<Schema extends z.ZodType>(construct: Construct, schema: Schema, props: unknown) {
  return parse(`${construct.constructor.name} ${construct.node.path}`, schema, props);
}

/** Runs `program`; bad input becomes one line each on stderr and exit code 2, anything else stays a bug with its trace. */
export async function explainingBadInput(program: () => Promise<void>): Promise<void> {
  try {
    await program();
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  }
}
