/** A release that does not know its health path. */
import { startTinyApp } from "./tiny-app.mjs";

process.stdout.write("the health path answers 404\n");
startTinyApp({ health: () => 404 });
