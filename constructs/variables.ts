/** What is given to an apply with `--var`. Their names are part of the command line, so they belong directly to a stack. */
import type { TerraformStack } from "cdktf";
import { TerraformVariable } from "cdktf";
import { imageForm, imageNeed } from "../contract/release.js";

/** In a quoted Terraform text a backslash is doubled, and `/` is an ordinary character. */
const imagePattern = imageForm.source.replaceAll("\\/", "/").replaceAll("\\", "\\\\");

/** Image to roll out. A value that is no image is refused before anything is planned. */
export function imageVariable(stack: TerraformStack): TerraformVariable {
  return new TerraformVariable(stack, "image", {
    type: "string",
    default: "",
    nullable: false,
    description: "Image to roll out, best by digest. Empty keeps the release that the serving hosts run.",
    validation: [
      {
        condition: `\${var.image == "" || can(regex("${imagePattern}", var.image))}`,
        errorMessage: `image: got "\${var.image}"; needs ${imageNeed}, or an empty text.`,
      },
    ],
  });
}

/** Counter that runs the rollout once more when nothing else has changed. */
export function redeployVariable(stack: TerraformStack): TerraformVariable {
  return new TerraformVariable(stack, "redeploy", {
    type: "number",
    default: 0,
    nullable: false,
    description: "Raise it to run the rollout once more although image, settings and droplets are the same.",
  });
}
