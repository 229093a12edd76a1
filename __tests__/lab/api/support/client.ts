/** An account over HTTP, and a plain client for it. */
import { expect } from "@jest/globals";
import { Account, type AccountSettings } from "../../../../lab/api/account.js";
import { Api } from "../../../../lab/api/api.js";
import { RecordingMachines } from "./machines.js";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export class TestApi {
  readonly machines = new RecordingMachines();
  readonly faults: string[] = [];
  readonly account: Account;
  readonly api: Api;

  private constructor(settings: Partial<AccountSettings>) {
    const onFault = (fault: string): void => void this.faults.push(fault);
    const { machines } = this;
    this.account = new Account({ machines, registryHost: "registry.digitalocean.com", onFault, ...settings });
    this.api = new Api({ account: this.account, token: "secret", onFault });
  }

  static async start(settings: Partial<AccountSettings> = {}): Promise<TestApi> {
    const started = new TestApi(settings);
    await started.api.listen(0);
    return started;
  }

  async call(method: string, path: string, body?: unknown, token = "secret"): Promise<Answer> {
    const reply = await fetch(new URL(path, this.api.url), {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await reply.text();
    return {
      status: reply.status,
      headers: reply.headers,
      body: (text ? JSON.parse(text) : {}) as Record<string, unknown>,
    };
  }

  /** A call that has to succeed, and what it answers under a key. */
  async want(method: string, path: string, key: string, body?: unknown): Promise<Record<string, unknown>> {
    const answer = await this.call(method, path, body);
    expect([answer.status < 300, answer.body]).toEqual([true, expect.objectContaining({ [key]: expect.anything() })]);
    return answer.body[key] as Record<string, unknown>;
  }

  /** A call that has to be refused, in short. */
  async refusal(method: string, path: string, body?: unknown): Promise<string> {
    const { status, body: answer } = await this.call(method, path, body);
    return `${status} ${String(answer["id"])}: ${String(answer["message"])}`;
  }

  close = (): Promise<void> => this.api.close();
}
