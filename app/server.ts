/**
 * The process. Exit codes: 0 stopped by SIGTERM or SIGINT with nothing cut off · 1 could not listen · 2 environment not
 * usable · 128 + signal number after a second signal.
 */
import { buildApp } from "./app.ts";
import { configOrExit, logger, serve } from "./serve.ts";

const config = configOrExit();
await serve(buildApp(config, logger), config);
