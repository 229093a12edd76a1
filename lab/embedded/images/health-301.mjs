/** A release that redirects its health path. */
import { startTinyApp } from "./tiny-app.mjs";

process.stdout.write("the health path answers 301\n");
startTinyApp({ health: () => 301 });
