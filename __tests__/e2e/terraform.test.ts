/** The stack under the real Terraform provider, on the embedded site. */
import { jest } from "@jest/globals";
import { embedded, type EmbeddedSite } from "../../lab/embedded/site.js";
import type { EmbeddedDroplet } from "../../lab/embedded/droplet.js";
import { describeTerraform } from "../support/terraform-suite.js";

jest.setTimeout(1_800_000);

describeTerraform<EmbeddedDroplet, EmbeddedSite>("on the embedded site", embedded());
