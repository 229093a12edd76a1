/** A release that fails on its health path. */
import { startTinyApp } from "./tiny-app.mjs";

process.stdout.write("the health path answers 500\n");
startTinyApp({ health: () => 500 });
