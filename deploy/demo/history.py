"""Earlier days for Prometheus: what the routers would have counted, written as OpenMetrics and loaded by promtool.

The samples carry history="true", so that nobody takes them for something that was measured."""

import csv
import datetime

DAY_SECONDS = 86400


def read_trace(path):
    """Levels relative to the highest one of the series, and the seconds of one step."""
    times, values = [], []
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            times.append(datetime.datetime.fromisoformat(row["timestamp"].replace("Z", "+00:00")).timestamp())
            values.append(float(row["value"]))
    highest = max(values)
    return [v / highest for v in values], times[1] - times[0]


class Curve:
    """Statements a second at a moment of the compressed trace; the same curve that foreshard-load follows."""

    def __init__(self, levels, step, seconds_per_day, peak_rate):
        self.levels = levels
        self.step = step * seconds_per_day / DAY_SECONDS
        self.peak_rate = peak_rate

    def at(self, seconds):
        position = min(max(seconds / self.step, 0), len(self.levels) - 1.000001)
        index = int(position)
        share = position - index
        return (self.levels[index] * (1 - share) + self.levels[index + 1] * share) * self.peak_rate


def open_metrics(curve, first_second, count, begin, shares, write_share, labels):
    """Counters sampled once a second. `shares`: {shard: share of the statements}; `begin`: Unix time of first_second."""
    name = "foreshard_router_statements"
    lines = ["# TYPE %s counter" % name]
    fixed = ",".join('%s="%s"' % item for item in sorted(labels.items()))
    for shard, share in sorted(shares.items()):
        for kind, part in (("read", 1 - write_share), ("write", write_share)):
            total = 0.0
            for second in range(count):
                lines.append('%s_total{shard="%s",kind="%s",%s} %.3f %d'
                             % (name, shard, kind, fixed, total, begin + second))
                total += curve.at(first_second + second + 0.5) * share * part
    lines.append("# EOF\n")
    return "\n".join(lines)
