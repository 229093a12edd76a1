/** A release that SIGTERM does not end. */
import { startTinyApp } from "./tiny-app.mjs";

startTinyApp({ stops: false });
