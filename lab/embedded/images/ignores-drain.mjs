/** A release that answers the request to drain and serves on. */
import { startTinyApp } from "./tiny-app.mjs";

startTinyApp({ drains: false });
