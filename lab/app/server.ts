/**
 * The app that the lab rolls out: the example of app/ and `/slow`. `CONTRACT=article` is the article's app instead, which
 * answers `/slow` when `SLOW_ROUTE=on`.
 */
import { buildApp } from "../../app/app.ts";
import type { Config } from "../../app/config.ts";
import { configOrExit, exitLogged, logger, serve } from "../../app/serve.ts";
import { buildArticle } from "./article.js";
import { addSlow } from "./slow.js";

const config = configOrExit();
const contract = word("CONTRACT", ["lifecycle", "article"]);
const slowRoute = word("SLOW_ROUTE", ["off", "on"]) === "on";

if (contract === "article") await serveArticle(config);
else {
  const app = buildApp(config, logger);
  addSlow(app.service);
  await serve(app, config);
}

function word<const Word extends string>(name: string, words: readonly [Word, ...Word[]]): Word {
  const value = process.env[name] ?? words[0];
  const found = words.find((known) => known === value);
  if (found !== undefined) return found;
  process.stderr.write(`${name}: got ${JSON.stringify(value)}; needs one of ${words.join(", ")}\n`);
  process.exit(2);
}

/** The article's process 1 installs no signal handler, and neither does this. */
async function serveArticle({ port, host }: Config): Promise<void> {
  const app = buildArticle(logger, slowRoute);
  try {
    await app.listen({ port, host });
    app.log.info({ contract }, "start");
  } catch (error) {
    app.log.fatal({ err: error }, "start failed");
    exitLogged(1);
  }
}
