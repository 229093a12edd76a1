/** A release that starts later than it is waited for. */
import { setTimeout } from "node:timers";
import { startTinyApp } from "./tiny-app.mjs";

process.stdout.write("migrating the database\n");
setTimeout(startTinyApp, 30_000);
