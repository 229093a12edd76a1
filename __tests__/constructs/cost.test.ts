import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import { costLine, monthlyCost, PRICES_AS_OF } from "../../constructs/cost.js";
import type { FleetConfig } from "../../constructs/index.js";
import { fleetConfig } from "../../contract/config.js";
import { exampleConfig, projectFile } from "../support/stacks.js";

const lineOf = (config: FleetConfig): string =>
  costLine(monthlyCost(fleetConfig.parse({ ...exampleConfig, ...config })));

describe("the cost of a month", () => {
  test("is that of droplets and balancer nodes, with the date of the prices", () =>
    expect(lineOf({})).toBe(
      `costs $24 a month (2 x droplet s-1vcpu-1gb at $6, 1 x balancer node at $12; prices of ${PRICES_AS_OF}, without registry, traffic and tax)`,
    ));

  test("counts every droplet and every node", () => {
    const config = { dropletCount: 5, droplet: { size: "s-2vcpu-4gb" }, loadBalancer: { sizeUnit: 3 } };
    expect(lineOf(config)).toMatch(
      /^costs \$156 a month \(5 x droplet s-2vcpu-4gb at \$24, 3 x balancer node at \$12;/,
    );
  });

  test.each(["g-2vcpu-8gb", "constructor"])("guesses no price of a size that the table has not: %s", (size) =>
    expect(lineOf({ droplet: { size } })).toMatch(
      new RegExp(
        `^costs more than \\$12 a month \\(2 x droplet ${size} at a price that is not known here, 1 x balancer node at \\$12;`,
      ),
    ),
  );

  test("is what the README says, but for the registry", () => {
    const readme = readFileSync(projectFile("README.md"), "utf8");
    expect(readme).toContain(
      `(prices of ${PRICES_AS_OF}): two droplets \`s-1vcpu-1gb\` at $6, one balancer node $12, registry basic $5:`,
    );
  });
});
