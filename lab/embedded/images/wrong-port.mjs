/** A release that listens on a port of its own choice instead of PORT. */
import { startTinyApp } from "./tiny-app.mjs";

process.stdout.write("listening on port 3000\n");
// 0 takes some free port: the one that it names may be in use on this machine.
startTinyApp({ port: 0 });
