"""Earlier days: what clients would have asked, for `kubectl foreshard history import`."""

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


def write_csv(path, curve, count, begin):
    """What `kubectl foreshard history import` reads: a value a second, from the first moment of the curve on."""
    with open(path, "w") as file:
        file.write("timestamp,value\n")
        for second in range(count):
            file.write("%d,%.3f\n" % (begin + second, curve.at(second + 0.5)))
