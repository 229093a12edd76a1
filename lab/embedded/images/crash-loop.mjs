/** A release that starts, answers and ends soon after. */
import { setTimeout } from "node:timers";
import { startTinyApp } from "./tiny-app.mjs";

startTinyApp();
setTimeout(() => {
  process.stderr.write("fatal: lost the connection to the database\n");
  process.exit(1);
}, 300);
