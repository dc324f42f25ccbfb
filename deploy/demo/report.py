"""What the run showed, as numbers (report.json), as a page (report.html) and as a picture (report.png)."""

import html
import json
import os
import subprocess
import time

import cluster
import picture
import watch

NAMESPACE, SET = "demo", "demo"
MATCH = 'namespace="%s",shardset="%s",history!="true"' % (NAMESPACE, SET)


def rates(begin, end):
    """Statements a second of each shard, measured: {shard: {time: rate}}."""
    found = {}
    query = "sum by (shard) (rate(foreshard_router_statements_total{%s}[5s]))" % MATCH
    for labels, values in cluster.query_range(query, begin, end, 5):
        if labels.get("shard"):
            found[labels["shard"]] = dict(values)
    return found


def forecasts(begin, end, quantile, ahead, part):
    """What was forecast for a time, `ahead` seconds (that part of the horizon) before: {shard: {time: statements a second}}."""
    found = {}
    query = 'max by (shard) (foreshard_shard_forecast{namespace="%s",shardset="%s",quantile="%s",ahead="%s"})' % (
        NAMESPACE, SET, quantile, part)
    for labels, values in cluster.query_range(query, begin, end, 5):
        found[labels["shard"]] = {time + ahead: value for time, value in values}
    return found


def use_of_cpu(namespace, pod, started, per_second, first, last):
    """(statements a second, cores) of a pod between the first and the last sample in seconds first..last of a run."""
    query = 'container_cpu_usage_seconds_total{namespace="%s",pod="%s",container="postgres"}[%ds]' % (
        namespace, pod, int(time.time() - started) + 1)
    samples = [pair for pair in cluster.samples(query) if started + first <= pair[0] <= started + last]
    if len(samples) < 2 or samples[-1][0] - samples[0][0] < 8:
        return None
    (begin, before), (end, after) = samples[0], samples[-1]
    done = sum(s["completed"] for s in per_second if begin <= started + s["second"] < end)
    return done / (end - begin), (after - before) / (end - begin)


def percentile_of_parked(share):
    found = cluster.query("histogram_quantile(%s, sum by (le) (foreshard_park_seconds_bucket{%s}))" % (share, MATCH))
    values = [value for _, value in found if value == value]
    return round(values[0] * 1000, 1) if values else 0.0


def splits(events):
    """Finished or soaking splits: name, source, destination, start, moment of the cutover, hold."""
    newest = {}
    for _, thing in events:
        newest[thing["metadata"]["name"]] = thing
    found = []
    for name, thing in newest.items():
        cut_over = cluster.condition(thing, "CutOver")
        if thing["spec"]["type"] != "Split" or not cut_over or cut_over["status"] != "True":
            continue
        steps = watch.phases(events, name)
        moment = next((when for when, phase in steps if phase in ("Soaking", "CleaningUp", "Completed")), None)
        found.append({"name": name, "source": thing["spec"]["source"], "destination": thing["status"].get("destination", ""),
                      "started": steps[0][0], "moment": moment, "phases": steps,
                      "holdMillis": thing["status"].get("cutover", {}).get("holdMillis", 0),
                      "reason": thing["metadata"].get("annotations", {}).get("foreshard.dev/reason", ""),
                      "summary": thing["metadata"].get("annotations", {}).get("foreshard.dev/summary", "")})
    return sorted(found, key=lambda split: split["started"])


def total(by_shard, shards):
    """Sum over some shards at each time at which any of them is known."""
    times = sorted({t for s in shards for t in by_shard.get(s, {})})
    return [(t, sum(by_shard.get(s, {}).get(t, 0.0) for s in shards)) for t in times]


def relative_error(by_shard, median):
    """Mean relative error of the set's forecast demand: shards come and go, their sum does not."""
    errors = []
    truths = dict(total(by_shard, by_shard))
    for time, value in total(median, median):
        if truths.get(time, 0) > 0:
            errors.append(abs(value - truths[time]) / truths[time])
    return round(sum(errors) / len(errors), 4) if errors else None


def median(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0.0


def write(folder, numbers, run):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "report.json"), "w") as file:
        json.dump(numbers, file, indent=2)
        file.write("\n")
    svg = picture.draw(run)
    with open(os.path.join(folder, "report.svg"), "w") as file:
        file.write(svg)
    subprocess.run(["rsvg-convert", os.path.join(folder, "report.svg"), "-o", os.path.join(folder, "report.png")], check=True)
    rows = "".join("<tr><td>%s</td><td>%s</td></tr>" % (html.escape(k), html.escape(json.dumps(v))) for k, v in numbers.items())
    with open(os.path.join(folder, "report.html"), "w") as file:
        file.write("<!doctype html><meta charset='utf-8'><title>Foreshard demo</title>"
                   "<style>body{font-family:sans-serif;max-width:1240px;margin:2em auto}td{padding:2px 12px;border-bottom:1px solid #eee}</style>"
                   "<h1>Foreshard demo</h1><p>%s</p>%s<table>%s</table>\n" % (html.escape(numbers["plan_reason"]), svg, rows))
