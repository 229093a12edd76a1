/** The stack under the real Terraform provider, on real droplets. */
import { jest } from "@jest/globals";
import type { RealDroplet } from "../../../lab/real/droplet.js";
import { real, type RealSite } from "../../../lab/real/site.js";
import { describeTerraform } from "../../support/terraform-suite.js";

jest.setTimeout(1_800_000);

describeTerraform<RealDroplet, RealSite>("on real droplets", real());
