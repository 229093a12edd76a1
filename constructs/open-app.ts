/** Opens the folder that the stack is written to. */
import { App } from "cdktf";
import { InvalidInput } from "../contract/problems.js";

/** cdktf's own variable for the output folder. @see https://developer.hashicorp.com/terraform/cdktf/create-and-deploy/environment-variables */
const OUTPUT_FOLDER = "CDKTF_OUTDIR";

/** @throws InvalidInput when the output folder cannot be made */
export function openApp(environment: NodeJS.ProcessEnv): App {
  try {
    return new App();
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    const folder = environment[OUTPUT_FOLDER] ?? "cdktf.out";
    throw new InvalidInput("environment", [
      `${OUTPUT_FOLDER}: got ${JSON.stringify(folder)}, which cannot be made (${error.message}); needs a folder that can be written to`,
    ]);
  }
}
