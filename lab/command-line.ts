/** Options of a command as they were written. */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { InvalidInput } from "../contract/problems.js";

/** @throws InvalidInput for an option that the command does not have, or one without its value */
export function written<const Known extends NonNullable<ParseArgsConfig["options"]>>(args: string[], options: Known) {
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new InvalidInput("options", [error instanceof Error ? error.message : String(error)]);
  }
}
