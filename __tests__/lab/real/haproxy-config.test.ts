import { haproxyConfig, serverArguments } from "../../../lab/real/haproxy-config.js";
import type { BalancerSettings } from "../../../lab/balancer-options.js";

const settings: BalancerSettings = {
  nodes: 1,
  phasesSeconds: [],
  lateSeconds: [],
  check: { path: "/health", port: 8080, intervalSeconds: 1.5, timeoutSeconds: 1.25, fall: 2, rise: 3 },
  entries: [
    { entryPort: 80, targetPort: 8080, tls: null },
    { entryPort: 443, targetPort: 8080, tls: { certificate: "one", names: ["api.example.com"], http2: false } },
  ],
  redirectToHttps: false,
  retries: 0,
  backendKeepalive: false,
  idleTimeoutSeconds: 45,
};
const place = {
  publicAddress: "10.210.1.2",
  sourceAddress: "10.110.0.2",
  socket: "/world/haproxy-0.sock",
  certificateFile: (certificate: string) => `/world/${certificate}.pem`,
};
const written = (changes: Partial<BalancerSettings> = {}): string => haproxyConfig({ ...settings, ...changes }, place);

test("a node is configured as the balancer is declared", () => {
  expect(written()).toBe(`global
  stats socket /world/haproxy-0.sock mode 600 level admin expose-fd listeners
  nbthread 1
  maxconn 4000
  ssl-default-bind-options ssl-min-ver TLSv1.2

defaults
  mode http
  timeout connect 5s
  timeout client 45s
  timeout http-keep-alive 45s
  timeout server 60s
  timeout tunnel 3600s
  option idle-close-on-response

frontend port-80
  bind 10.210.1.2:80
  option forwardfor
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Port 80
  default_backend fleet

frontend port-443
  bind 10.210.1.2:443 ssl crt /world/one.pem alpn http/1.1
  option forwardfor
  http-request set-header X-Forwarded-Proto https
  http-request set-header X-Forwarded-Port 443
  default_backend fleet

backend fleet
  balance roundrobin
  source 10.110.0.2
  option http-server-close
  retries 0
  option redispatch 0
  option httpchk
  http-check send meth GET uri /health ver HTTP/1.1 hdr Host %si
  http-check expect status 200-399
  timeout check 1250ms
`);
});

test("what a node takes over from the one before it is written down", () => {
  const hosts = new Map([
    ["400000001", "10.110.0.2"],
    ["400000002", "10.110.0.3"],
  ]);
  const text = haproxyConfig(settings, place, { stateFile: "/world/haproxy-0.state", hosts });
  expect(text.split("\n").filter((line) => !written().split("\n").includes(line))).toEqual([
    "  server-state-file /world/haproxy-0.state",
    "  load-server-state-from-file global",
    "  server 400000001 10.110.0.2:8080 check port 8080 inter 1500ms fall 2 rise 3",
    "  server 400000002 10.110.0.3:8080 check port 8080 inter 1500ms fall 2 rise 3",
  ]);
});

test("a host is probed on the declared port as often as declared", () => {
  expect(serverArguments(settings, "10.110.0.7")).toBe("10.110.0.7:8080 check port 8080 inter 1500ms fall 2 rise 3");
});

test("connections to hosts are kept, and other hosts tried, only when asked for", () => {
  const text = written({ backendKeepalive: true, retries: 2 });
  expect(text).toContain("  option http-keep-alive\n  retries 2\n  option redispatch 1\n");
  expect(text).not.toContain("http-server-close");
});

test("only requests over HTTP are led to HTTPS", () => {
  const [, , http = "", https = ""] = written({ redirectToHttps: true }).split("\n\n");
  expect(http).toBe("frontend port-80\n  bind 10.210.1.2:80\n  http-request redirect scheme https code 307");
  expect(https).not.toContain("redirect");
});

test("clients may speak HTTP/2 where that is declared", () => {
  const entries = settings.entries.map((entry) => ({ ...entry, tls: entry.tls && { ...entry.tls, http2: true } }));
  expect(written({ entries })).toContain("bind 10.210.1.2:443 ssl crt /world/one.pem alpn h2,http/1.1\n");
});

test("fails for hosts that serve on several ports", () => {
  const entries = [settings.entries[0], { entryPort: 81, targetPort: 9090, tls: null }].filter((entry) => !!entry);
  expect(() => serverArguments({ ...settings, entries }, "10.110.0.7")).toThrow(
    "the lab's balancer leads to one port of its hosts, not to 8080 and 9090",
  );
});
