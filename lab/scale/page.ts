/** The figures of the controller's growth as a Markdown page. Pure. */
import { scaleTable, type ScaleFigures } from "./figures.js";
import { growthText } from "./growth.js";

export function scalePage(figures: ScaleFigures): string {
  const { machine, date, commit, settings } = figures;
  return `# What the size of the fleet costs the machine that runs the rollout

One rollout from release 1 to 2 over simulated droplets behind real SSH servers, which answer a command after ${settings.answerMs} ms. At most
${settings.maxUnavailable} of them are out of rotation at once. Written by \`npm run scale\`; the single values are in [scale.json](scale.json).

${scaleTable(figures)}
${growthText(figures)}
${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.kernel}, Node ${machine.node}; ${date}, commit \`${commit}\`.
`;
}
