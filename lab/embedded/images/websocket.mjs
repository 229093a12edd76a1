/** A release whose clients may hold a connection open in another protocol, for as long as they like. */
import { startTinyApp } from "./tiny-app.mjs";

startTinyApp({ upgrades: true });
