/** A release that likes curl alone: to a balancer's probe it answers 403, as one does that knows its own names and not the balancer's. */
import { startTinyApp } from "./tiny-app.mjs";

process.stdout.write("the health path answers 403 to whoever is not curl\n");
let asksByCurl = true;
startTinyApp({
  hears: ({ headers }) => {
    asksByCurl = (headers["user-agent"] ?? "").startsWith("curl/");
    return false;
  },
  health: () => (asksByCurl ? 200 : 403),
});
