/** A command that Docker refuses: the text is the engine's own, without what the command line puts in front. */
export class DockerError extends Error {
  override readonly name = "DockerError";
}
