"""Debian's Chromium without a screen, for tests and pictures of the status page."""

import http.server
import os
import shutil
import subprocess
import tempfile
import threading

# What operator/health_server.cpp sends with a page; its unit test has the same text.
POLICY = ("default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


def program():
    """Its path, or None where it is not installed."""
    return os.environ.get("FORESHARD_CHROMIUM") or shutil.which("chromium")


def run(arguments, url):
    """Its standard output. It may only talk to this machine."""
    with tempfile.TemporaryDirectory() as profile:
        command = [program(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + profile,
                   "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--no-first-run", *arguments, url]
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=100)
    if done.returncode != 0:
        raise RuntimeError("chromium ended with %d: %s" % (done.returncode, done.stderr[-2000:]))
    return done.stdout


class Server:
    """Serves a few texts on a port of loopback: {path: (text, headers)}. What was asked for stands in `asked`."""

    def __init__(self, pages):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                text, headers = pages.get(self.path, (None, {}))
                self.send_response(404 if text is None else 200)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write((text or "").encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
