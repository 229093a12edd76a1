/** What Fastify writes to the log by itself. */
import { LogController } from "fastify";
import type { FastifyReply, FastifyRequest } from "fastify";

/** No line per request: a busy API would bury the lines that matter. Answers of 500 and above still leave one. */
export class FailuresOnly extends LogController {
  override incomingRequest(): void {
    // Deliberately silent.
  }

  override requestCompleted(): void {
    // Deliberately silent.
  }

  override routeNotFound(): void {
    // Deliberately silent.
  }

  override defaultErrorLog(error: Error, request: FastifyRequest, reply: FastifyReply): void {
    if (reply.statusCode >= 500) super.defaultErrorLog(error, request, reply);
  }
}
