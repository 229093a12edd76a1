import { expect, test } from "@jest/globals";
import { scaleTable } from "../../../lab/scale/figures.js";
import { scalePage } from "../../../lab/scale/page.js";
import { madeUpFigures, madeUpRun } from "./support.js";

const figures = madeUpFigures([madeUpRun(3, 100, 4), madeUpRun(30, 200, 40)]);

test("the page has the table, the growth and the machine that both come from", () => {
  const page = scalePage(figures);
  expect(page).toContain(`\n${scaleTable(figures)}\n- 3 to 30 hosts`);
  expect(page).toContain(`${figures.machine.cpu}, ${figures.machine.cores} cores`);
  expect(page).toContain(`commit \`${figures.commit}\``);
});
