/** A release that is healthy for its droplet alone: others get 403. On a droplet's own network the droplet has the first address. */
import { startTinyApp } from "./tiny-app.mjs";

process.stdout.write("the health path answers 403 to other machines\n");
const NEAR = /^(::ffff:)?(127\.|172\.31\.255\.241$)/;
let isNear = true;
startTinyApp({
  hears: ({ socket }) => {
    isNear = NEAR.test(socket.remoteAddress ?? "");
    return false;
  },
  health: () => (isNear ? 200 : 403),
});
