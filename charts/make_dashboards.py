#!/usr/bin/env python3
"""make_dashboards.py [--check]: writes charts/foreshard/files/dashboards/*.json, or says which differ from what it would write.

A panel is a title, what it tells, its queries with their legends, and a unit. Everything else of Grafana's format is the same for all.
LEADER: only the operator that leads has the newest numbers of sets. SET, SHARD: what the variables at the top chose.
"""

import json
import os
import sys

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "foreshard/files/dashboards")
SET = 'namespace=~"$namespace",shardset=~"$set"'
SHARD = SET + ',shard=~"$shard"'
LEADER = " and on (job, instance) leader_election_master_status == 1"
MEMBER = 'namespace=~"$namespace",pod=~"($set)-($shard)-.*",container="postgres"'
DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def rate(metric, labels="", by=""):
    return "sum by (%s) (rate(%s{%s}[$__rate_interval]))" % (by, metric, labels)


def quantile(level, metric, labels="", by=""):
    return "histogram_quantile(%s, sum by (le%s) (rate(%s_bucket{%s}[$__rate_interval])))" % (level, ", " + by if by else "", metric, labels)


def panel(title, description, queries, unit="short", kind="timeseries", width=12, height=8):
    return {"title": title, "description": description, "queries": queries, "unit": unit, "kind": kind, "width": width, "height": height}


def fleet():
    return "Foreshard: fleet", "Shards, their load, the forecast against what came, headroom, plans.", ["namespace", "set", "shard"], [
        panel("Shards", "Shards that the operator plans for.",
              [("count by (shardset) (foreshard_shard_demand{%s}%s)" % (SET, LEADER), "{{shardset}}")], kind="stat", width=6, height=4),
        panel("Forecast trusted", "1: plans are made from the forecast; 0: the planner only reacts.",
              [("foreshard_forecast_trusted{%s}%s" % (SET, LEADER), "{{shardset}}")], kind="stat", width=6, height=4),
        panel("Metrics fresh", "1: Prometheus has samples of the newest bins; 0: the planner holds.",
              [("foreshard_metrics_fresh{%s}%s" % (SET, LEADER), "{{shardset}}")], kind="stat", width=6, height=4),
        panel("Smallest headroom", "Capacity minus the highest planned quantile of any shard. Below 100 minus the limit a breach is expected.",
              [("min by (shardset) (foreshard_shard_headroom_percent{%s}%s)" % (SET, LEADER), "{{shardset}}")], "percent", "stat", 6, 4),
        panel("CPU of shards against the limit", "CPU of each primary in the newest bin, of its capacity. The limit is spec.scaling.limitCpuPercent.",
              [("foreshard_shard_cpu_percent{%s}%s" % (SHARD, LEADER), "{{shardset}} {{shard}}"),
               ("foreshard_limit_cpu_percent{%s}%s" % (SET, LEADER), "limit of {{shardset}}")], "percent"),
        panel("Headroom", "Capacity minus the planned quantile of the forecast over the horizon. Negative: more than a shard can do.",
              [("foreshard_shard_headroom_percent{%s}%s" % (SHARD, LEADER), "{{shardset}} {{shard}}")], "percent"),
        panel("Demand and its forecast", "What clients ask for, and the median and 95 % quantile that were forecast for a quarter of the horizon "
              "ahead of each moment: read them that much to the right.",
              [("foreshard_shard_demand{%s}%s" % (SHARD, LEADER), "{{shard}} asked"),
               ('foreshard_shard_forecast{%s,quantile="0.5",ahead="0.25"}%s' % (SHARD, LEADER), "{{shard}} median"),
               ('foreshard_shard_forecast{%s,quantile="0.95",ahead="0.25"}%s' % (SHARD, LEADER), "{{shard}} 95 %")], "ops", width=24, height=10),
        panel("The fan at the end of the horizon", "Median and 95 % quantile of the demand that is expected at the end of the horizon.",
              [('foreshard_shard_forecast{%s,quantile="0.5",ahead="1"}%s' % (SHARD, LEADER), "{{shard}} median"),
               ('foreshard_shard_forecast{%s,quantile="0.95",ahead="1"}%s' % (SHARD, LEADER), "{{shard}} 95 %")], "ops"),
        panel("Plans by decision", "What the planner decided, a minute. NoChange is what one wants to see.",
              [("sum by (decision) (rate(foreshard_plan_total[$__rate_interval])) * 60", "{{decision}}")], "cpm"),
        panel("Cores used by shards", "CPU of each member's PostgreSQL.",
              [("sum by (pod) (rate(container_cpu_usage_seconds_total{%s}[$__rate_interval]))" % MEMBER, "{{pod}}")], "short"),
        panel("Memory of shards", "Working set of each member's PostgreSQL.",
              [("sum by (pod) (container_memory_working_set_bytes{%s})" % MEMBER, "{{pod}}")], "bytes"),
        panel("Size of databases", "What lies on each shard; one line a member.",
              [("sum by (pod) (pg_database_size_bytes{%s})" % SHARD, "{{pod}}")], "bytes"),
        panel("Free space of volumes", "Part of each shard's volume that is free. At 10 % an alert fires.",
              [('100 * kubelet_volume_stats_available_bytes{namespace=~"$namespace",persistentvolumeclaim=~"data-($set)-($shard)-.*"}'
                " / kubelet_volume_stats_capacity_bytes", "{{persistentvolumeclaim}}")], "percent"),
        panel("Age of backups", "Time since the newest base backup of all shards had ended, and since the newest point in time over all of them: what is "
              "lost if everything is lost now. Sets without backups have no line.",
              [("time() - (foreshard_backup_last_timestamp_seconds{%s} > 0%s)" % (SET, LEADER), "{{shardset}} {{type}}"),
               ("time() - (foreshard_backup_point_timestamp_seconds{%s} > 0%s)" % (SET, LEADER), "{{shardset}} point")], "s"),
        panel("Size of backups", "Databases as the newest base backup has read them.",
              [("foreshard_backup_last_size_bytes{%s}%s" % (SET, LEADER), "{{shardset}} {{type}}")], "bytes"),
        panel("Duration of backups", "How long the newest base backup took over all shards, one after the other.",
              [("foreshard_backup_last_seconds{%s}%s" % (SET, LEADER), "{{shardset}} {{type}}")], "s"),
        panel("Backups and archiving that failed", "Base backups of single shards that failed within an hour, and WAL files that a shard could not "
              "archive: it keeps them on its volume until it can.",
              [("delta(foreshard_backup_failures{%s}[1h])%s" % (SET, LEADER), "{{shardset}} base backups"),
               ("sum by (shardset, shard) (increase(pg_stat_archiver_failed_count{%s}[1h]))" % SHARD, "{{shard}} WAL")]),
        panel("Age of verification", "Time since the newest backups of all shards were restored and found good. Sets that do not verify have no line.",
              [("time() - (foreshard_backup_verified_timestamp_seconds{%s} > 0%s)" % (SET, LEADER), "{{shardset}}")], "s"),
        panel("Verification of backups", "Shards whose newest backup could not be restored, attempts that failed within a day, and how many minutes the "
              "newest good turn over all shards took.",
              [("foreshard_backup_verification_broken_shards{%s}%s" % (SET, LEADER), "{{shardset}} broken shards"),
               ("delta(foreshard_backup_verification_failures{%s}[1d])%s" % (SET, LEADER), "{{shardset}} failed attempts"),
               ("foreshard_backup_verification_last_seconds{%s} / 60%s" % (SET, LEADER), "{{shardset}} minutes")]),
    ]


def migration():
    own = SET + ',component="mover"'
    return "Foreshard: migrations", "Where each migration stands, how fast it goes, what it cost.", ["namespace", "set", "shard"], [
        panel("Migrations by phase", "Migrations that are not over, by the phase they are in.",
              [("sum by (phase) (foreshard_migration_phase{%s}%s)" % (SET, LEADER), "{{phase}}")], width=24),
        panel("Rows copied", "Rows a second that movers copy.", [(rate("foreshard_copy_rows_total", own, "migration"), "{{migration}}")], "rowsps"),
        panel("Bytes copied", "Bytes a second that movers copy, as COPY text.",
              [(rate("foreshard_copy_bytes_total", own, "migration"), "{{migration}}")], "Bps"),
        panel("Lag", "Time that a probe needs from source to destination; a cutover needs less than 50 ms. -1 before the first.",
              [("max by (migration) (foreshard_probe_lag_millis{%s})" % own, "{{migration}}")], "ms"),
        panel("Probes", "Probes of the lag, a second. None while a mover copies.",
              [(rate("foreshard_probes_total", own, "migration"), "{{migration}}")], "ops"),
        panel("Verification", "Buckets of rows compared on both shards. What is unequal at first is looked at again, row by row.",
              [("sum by (migration, result) (foreshard_verify_buckets{%s})" % own, "{{migration}} {{result}}")]),
        panel("Snapshot holders", "Sessions that keep the snapshot of the copy; without one the copy starts again.",
              [("max by (migration) (foreshard_snapshot_keepers{%s})" % own, "{{migration}}")]),
        panel("Rows cleaned up", "Rows a second that are deleted where they are no longer owned.",
              [(rate("foreshard_cleanup_rows_total", own, "migration"), "{{migration}}")], "rowsps"),
        panel("Leftovers", "Side objects that clean-ups have still to remove. Zero but for seconds.",
              [("foreshard_leftover_objects%s" % LEADER, "objects")]),
        panel("How long routers held", "Time that statements of a range waited in a cutover, over all attempts.",
              [(quantile("0.5", "foreshard_cutover_hold_seconds"), "median"), (quantile("0.99", "foreshard_cutover_hold_seconds"), "99 %")], "s"),
        panel("Parked statements", "Statements that wait now for a range that changes its owner.",
              [("sum by (shardset) (foreshard_parked_statements{%s})" % SET, "{{shardset}}")]),
        panel("Duration of phases", "90 % quantile of the time in each phase.",
              [(quantile("0.9", "foreshard_migration_seconds", by="phase"), "{{phase}}")], "s"),
        panel("Real duration against the estimate", "Median of real duration divided by the estimate; 1 is right.",
              [(quantile("0.5", "foreshard_migration_estimate_error_ratio"), "real / estimate")]),
        panel("Failures by reason", "Migrations that failed within an hour. Each reason has a line in docs/runbooks.",
              [("sum by (reason) (increase(foreshard_migration_failures_total[1h]))", "{{reason}}")]),
        panel("WAL held back by slots", "What a slot keeps on its shard; at a quarter of the volume PostgreSQL drops the slot.",
              [("max by (pod, slot_name) (pg_replication_slots_pg_wal_lsn_diff{%s})" % SHARD, "{{pod}} {{slot_name}}")], "bytes"),
    ]


def router():
    return "Foreshard: routers", "Throughput, latency, pools, parked statements, heat.", ["namespace", "set", "shard"], [
        panel("Statements", "Statements a second by kind; reads over several shards count under shard all.",
              [(rate("foreshard_router_statements_total", SET, "shardset, kind"), "{{shardset}} {{kind}}")], "ops"),
        panel("Errors", "Statements a second that ended with an error, by shard.",
              [(rate("foreshard_router_statements_total", SHARD + ',result="error"', "shard"), "{{shard}}")], "ops"),
        panel("Latency", "Time from sending a statement to its shard until its end.",
              [(quantile("0.5", "foreshard_router_latency_seconds", SHARD, "shard"), "{{shard}} median"),
               (quantile("0.99", "foreshard_router_latency_seconds", SHARD, "shard"), "{{shard}} 99 %")], "s"),
        panel("Work of shards", "Seconds a second that shards work on statements: 2 is two busy sessions.",
              [(rate("foreshard_router_backend_seconds_total", SHARD, "shard"), "{{shard}}")]),
        panel("Top ranges by statements", "The ten busiest ranges of keys.",
              [("topk(10, %s)" % rate("foreshard_router_statements_total", SHARD, "shard, range"), "{{shard}} {{range}}")], "ops"),
        panel("Top ranges by work", "The ten ranges whose statements cost most. The planner splits where the weight lies.",
              [("topk(10, %s)" % rate("foreshard_router_backend_seconds_total", SHARD, "shard, range"), "{{shard}} {{range}}")]),
        panel("Rows", "Rows a second read (out) and written (in).",
              [(rate("foreshard_router_rows_total", SHARD, "direction"), "{{direction}}")], "rowsps"),
        panel("Bytes", "Bytes a second of rows from shards.", [(rate("foreshard_router_bytes_total", SHARD, "shard"), "{{shard}}")], "Bps"),
        panel("Connections of clients", "Open connections by router.",
              [("sum by (pod) (foreshard_router_client_connections{%s})" % SET, "{{pod}}")]),
        panel("Connections to shards", "The pools: used, and idle.",
              [("sum by (shard, state) (foreshard_router_server_connections{%s})" % SHARD, "{{shard}} {{state}}")]),
        panel("Waiting clients", "Clients that wait for a connection to a shard. More than a few for long: raise serverConnectionsPerShard.",
              [("sum by (pod) (foreshard_router_waiting_clients{%s})" % SET, "{{pod}}")]),
        panel("Parked statements", "Statements that wait for a range that changes its owner, and how long the slowest percent waited.",
              [("sum by (pod) (foreshard_parked_statements{%s})" % SET, "{{pod}} parked"),
               (quantile("0.99", "foreshard_park_seconds", SET), "99 % waited, seconds")]),
        panel("Protocol of cutovers", "A second: holds that ended without a release, refusals by a shard that no longer owns a range (retried), "
              "refusals that a client saw, leases that lapsed.",
              [(rate("foreshard_hold_expired_total", SET, "shardset"), "holds expired"),
               (rate("foreshard_stale_owner_total", SET, "shardset"), "stale owner, retried"),
               (rate("foreshard_stale_owner_given_up_total", SET, "shardset"), "stale owner, seen by clients"),
               (rate("foreshard_lease_lapsed_total", SET, "shardset"), "leases lapsed")], "ops"),
        panel("Transactions in doubt", "Two-phase transactions whose outcome is not known yet.",
              [("sum by (pod) (foreshard_router_in_doubt_transactions{%s})" % SET, "{{pod}}")]),
        panel("Plan cache", "Part of statements whose route was known from an earlier one alike.",
              [("100 * %s / ignoring (result) group_left () %s"
                % (rate("foreshard_router_plan_cache_total", SET + ',result="hit"', "shardset, result"),
                   rate("foreshard_router_plan_cache_total", SET, "shardset")), "{{shardset}}")], "percent"),
        panel("Refused logins", "A second, by SQLSTATE.",
              [(rate("foreshard_router_login_failures_total", SET, "code"), "{{code}}")], "ops"),
        panel("Epoch of the routing table", "Routers that lag behind the others hear nothing from the API server.",
              [("max by (pod) (foreshard_router_table_epoch{%s})" % SET, "{{pod}}")]),
        panel("Routers that answer", "Scrapes of routers that succeeded.", [('sum by (shardset) (up{%s,component="router"})' % SET, "{{shardset}}")]),
    ]


def operator():
    return "Foreshard: operator", "Reconciles, queues, API calls, quality of the forecast, time to plan.", ["namespace", "set"], [
        panel("Who leads", "1: this replica leads. Exactly one should.", [("leader_election_master_status", "{{instance}}")], kind="stat", height=4),
        panel("Replicas that answer", "Scrapes of operators that succeeded.", [('sum(up{job=~".*operator.*"})', "up")], kind="stat", height=4),
        panel("Passes by result", "Passes of the controllers, a second. error is tried again; terminal_error waits for a change of the object.",
              [(rate("controller_runtime_reconcile_total", by="controller, result"), "{{controller}} {{result}}")], "ops"),
        panel("Failed passes", "A second, by controller.",
              [(rate("controller_runtime_reconcile_errors_total", by="controller"), "{{controller}}")], "ops"),
        panel("Duration of passes", "99 % quantile. A cutover is one pass.",
              [(quantile("0.99", "controller_runtime_reconcile_time_seconds", by="controller"), "{{controller}}")], "s"),
        panel("Queues", "Names that wait for a worker, and workers that are busy.",
              [("sum by (name) (workqueue_depth)", "{{name}} waiting"),
               ("sum by (controller) (controller_runtime_active_workers)", "{{controller}} busy")]),
        panel("Requests to the API server", "A second, by code and method. Code 0: no answer. 409 is a lost race, tried again.",
              [(rate("rest_client_requests_total", by="code, method"), "{{method}} {{code}}")], "reqps"),
        panel("Error of the forecast", "Error of the forecast divided by that of the better naive one. Below 1 it earns its keep.",
              [("foreshard_forecast_error{%s}%s" % (SET, LEADER), "{{namespace}}/{{shardset}}")]),
        panel("Coverage of the forecast", "Part of what came that lay inside the 90 % interval; 0.9 is right.",
              [("foreshard_forecast_coverage{%s}%s" % (SET, LEADER), "{{namespace}}/{{shardset}}")]),
        panel("Trust in the forecast", "1: plans are made from it.",
              [("foreshard_forecast_trusted{%s}%s" % (SET, LEADER), "{{namespace}}/{{shardset}}")]),
        panel("Days until certificates expire", "Of each Secret of a set. They are renewed after two thirds of their life; below 30 days an alert fires.",
              [("(max by (namespace, shardset, secret) (foreshard_certificate_expiry_timestamp_seconds{%s}) - time()) / 86400" % SET,
                "{{namespace}}/{{secret}}")], "d"),
        panel("Time to plan", "Quantiles of the time that one plan took.",
              [(quantile("0.5", "foreshard_plan_seconds"), "median"), (quantile("0.99", "foreshard_plan_seconds"), "99 %")], "s"),
        panel("Plans by decision", "Plans a minute, by what was decided.",
              [("sum by (decision) (rate(foreshard_plan_total[$__rate_interval])) * 60", "{{decision}}")], "cpm"),
    ]


VARIABLES = {
    "namespace": ("Namespace", "label_values(foreshard_metrics_fresh, namespace)"),
    "set": ("ShardSet", 'label_values(foreshard_metrics_fresh{namespace=~"$namespace"}, shardset)'),
    "shard": ("Shard", 'label_values(foreshard_shard_demand{namespace=~"$namespace",shardset=~"$set"}, shard)'),
}


def variables(names):
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0, "refresh": 1}
    return [source] + [
        {"name": name, "label": VARIABLES[name][0], "type": "query", "datasource": DATA_SOURCE, "definition": VARIABLES[name][1],
         "query": {"query": VARIABLES[name][1], "refId": name}, "refresh": 2, "sort": 1, "multi": True, "includeAll": True, "allValue": ".*",
         "current": {"text": "All", "value": "$__all"}, "hide": 0}
        for name in names]


def laid_out(panels):
    column = row = tallest = 0
    for number, one in enumerate(panels, start=1):
        if column + one["width"] > 24:
            column, row, tallest = 0, row + tallest, 0
        targets = [{"refId": chr(ord("A") + i), "datasource": DATA_SOURCE, "expr": query, "legendFormat": legend, "range": True}
                   for i, (query, legend) in enumerate(one["queries"])]
        yield {"id": number, "type": one["kind"], "title": one["title"], "description": one["description"], "datasource": DATA_SOURCE,
               "gridPos": {"x": column, "y": row, "w": one["width"], "h": one["height"]},
               "fieldConfig": {"defaults": {"unit": one["unit"], "min": 0 if one["unit"] in ("ops", "bytes", "Bps") else None}, "overrides": []},
               "options": {"legend": {"displayMode": "list", "placement": "bottom"}} if one["kind"] == "timeseries" else {},
               "targets": targets}
        column += one["width"]
        tallest = max(tallest, one["height"])


def dashboard(name, make):
    title, description, names, panels = make()
    return {"uid": "foreshard-" + name, "title": title, "description": description, "tags": ["foreshard"], "schemaVersion": 39,
            "editable": True, "graphTooltip": 1, "refresh": "30s", "timezone": "browser", "time": {"from": "now-6h", "to": "now"},
            "templating": {"list": variables(names)}, "panels": list(laid_out(panels))}


def main():
    different = []
    for name, make in (("fleet", fleet), ("migration", migration), ("router", router), ("operator", operator)):
        path = os.path.join(FOLDER, name + ".json")
        text = json.dumps(dashboard(name, make), indent=1, ensure_ascii=False) + "\n"
        if "--check" in sys.argv:
            if not os.path.exists(path) or open(path, encoding="utf-8").read() != text:
                different.append(name)
            continue
        os.makedirs(FOLDER, exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    if different:
        print("charts/make_dashboards.py would write other files for: " + ", ".join(different) + "; run it")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
