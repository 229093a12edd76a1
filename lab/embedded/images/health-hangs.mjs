/** A release that never answers its health path. */
import { startTinyApp } from "./tiny-app.mjs";

process.stdout.write("waiting for a lock\n");
startTinyApp({ health: () => null });
