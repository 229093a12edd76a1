/** Brings a built image into a registry over its API, as `docker push` does. */
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { Client, type Dispatcher } from "undici";
import { z } from "zod";

/** An image as it was pushed once, kept by the digests of its parts. */
export interface StoredImage {
  /** Of the manifest: what names the image. */
  readonly digest: string;
  /** File that holds the part with this digest. */
  file(digest: string): string;
}

const part = z.object({ digest: z.string() });
const manifestSchema = z.object({ mediaType: z.string(), config: part, layers: z.array(part) });

/**
 * @param socket of the registry
 * @param repository such as lab/api
 */
export async function pushImage(socket: string, repository: string, tag: string, image: StoredImage): Promise<void> {
  const client = new Client("http://registry.local", { socketPath: socket });
  try {
    const text = await readFile(image.file(image.digest));
    const { mediaType, config, layers } = manifestSchema.parse(JSON.parse(text.toString()));
    for (const { digest } of [...layers, config]) await pushPart(client, repository, digest, image.file(digest));
    const headers = { "content-type": mediaType };
    await expectStatus(client, 201, { method: "PUT", path: `/v2/${repository}/manifests/${tag}`, headers, body: text });
  } finally {
    await client.close();
  }
}

/** Parts that the registry has already are not sent again. */
async function pushPart(client: Client, repository: string, digest: string, file: string): Promise<void> {
  const blobs = `/v2/${repository}/blobs`;
  const { statusCode } = await send(client, { method: "HEAD", path: `${blobs}/${digest}` });
  if (statusCode === 200) return;
  const { headers } = await expectStatus(client, 202, { method: "POST", path: `${blobs}/uploads/` });
  const upload = new URL(z.string().parse(headers["location"]));
  upload.searchParams.set("digest", digest);
  await expectStatus(client, 201, {
    ...{ method: "PUT", path: upload.pathname + upload.search, body: createReadStream(file) },
    headers: { "content-type": "application/octet-stream" },
  });
}

async function expectStatus(client: Client, status: number, options: Dispatcher.RequestOptions) {
  const answer = await send(client, options);
  if (answer.statusCode !== status)
    throw new Error(`the registry answers ${answer.statusCode} to ${options.method} ${options.path}: ${answer.text}`);
  return answer;
}

async function send(client: Client, options: Dispatcher.RequestOptions) {
  const { statusCode, headers, body } = await client.request(options);
  return { statusCode, headers, text: await body.text() };
}
