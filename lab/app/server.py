"""Python's own http.server as an app: no signal handler, HTTP/1.0, five connections that may wait. For rehearsing apps that know no contract."""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = urlsplit(self.path)
        if asked.path == "/slow":
            time.sleep(int(parse_qs(asked.query)["ms"][0]) / 1000)
        body = json.dumps({"release": os.environ.get("RELEASE", "unknown")}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
