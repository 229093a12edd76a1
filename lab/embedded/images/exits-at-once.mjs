/** A release that cannot start. */
process.stderr.write("fatal: DATABASE_URL is not set\n");
process.exit(1);
