/** A release that runs and never becomes ready. */
import { startTinyApp } from "./tiny-app.mjs";

process.stdout.write("waiting for the database\n");
startTinyApp({ health: () => 503 });
