"""Plays the Prometheus that a fleet with forecasts asks: /api/v1/query_range for the statements and the CPU of each shard.

The curves are made up: a day and a week of office hours, another phase and size for each shard, and a little noise from a
fixed seed. History is as long as it is asked for.
"""
import http.server
import json
import math
import random
import re
import threading
import urllib.parse

CURVES = 16
DAY, WEEK = 86400, 604800


def curve(which):
    chance = random.Random(which)
    phase, noise = chance.uniform(0, 6), [chance.gauss(1, 0.03) for _ in range(997)]

    def at(time):
        day = 1 + 0.8 * math.sin(2 * math.pi * (time / DAY - phase / 24))
        week = 0.6 if (time // DAY) % 7 in (2, 3) else 1.0  # 1970 began on a Thursday
        return 400 * (1 + which / CURVES) * day * week * noise[int(time / 300) % 997]
    return at


class Metrics:
    """`shards(set)` tells which shards a set has. `url` is what to ask. Threads: its own."""

    def __init__(self, shards):
        self.shards, self.curves, self.asked, self.kept = shards, [curve(i) for i in range(CURVES)], 0, {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.answer(urllib.parse.urlparse(self.path).query)

            def do_POST(self):
                self.answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

            def answer(self, text):
                asked = {key: values[0] for key, values in urllib.parse.parse_qs(text).items()}
                first, last, step = (float(asked[name].rstrip("s")) for name in ("start", "end", "step"))
                body = outer.matrix(asked["query"], first, last, step)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def values(self, which, divisor, start, end, step):
        key = (which, divisor, start, end, step)
        if key not in self.kept:  # many shards share a curve, and all sets ask for the same bins
            if len(self.kept) > 500:
                self.kept.clear()
            count = int((end - start) / step + 1.5)
            at = self.curves[which]
            self.kept[key] = ",".join(f'[{start + i * step:.3f},"{at(start + i * step) / divisor:.4f}"]' for i in range(count))
        return self.kept[key]

    def matrix(self, query, start, end, step):
        self.asked += 1
        rows = []
        owner = re.search(r'(?:shardset="|pod=~")(f\d+)', query).group(1)
        for number, (shard, pod) in enumerate(self.shards(owner)):
            which = (number + int(owner[1:])) % CURVES
            if "cpu" in query:
                labels = [({"pod": pod}, 20_000)]
            else:
                labels = [({"shard": shard, "kind": "read"}, 1), ({"shard": shard, "kind": "write"}, 4)]
            rows += [f'{{"metric":{json.dumps(label)},"values":[{self.values(which, divisor, start, end, step)}]}}'
                     for label, divisor in labels]
        return f'{{"status":"success","data":{{"resultType":"matrix","result":[{",".join(rows)}]}}}}'.encode()

    def close(self):
        self.server.shutdown()
