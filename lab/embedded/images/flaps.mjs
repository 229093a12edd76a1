/** A release that is healthy, is taken into rotation, and then is not. */
import { startTinyApp } from "./tiny-app.mjs";

process.stdout.write("healthy for six seconds\n");
const startedAt = Date.now();
startTinyApp({ health: () => (Date.now() - startedAt < 6000 ? 200 : 503) });
