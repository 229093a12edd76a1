/** A process that owns a builder of images, for tests that end it. Argument: the builder's folder. */
import { Builder } from "../../../lab/real/builder.js";

await Builder.start(process.argv[2] ?? "");
process.stdout.write("ready\n");
