#!/usr/bin/env python3
"""The alerts of the chart: each fires when it should, says nothing when all is well, and asks only for metrics that exist.

promtool plays the rules over made-up series. In each case everything else stays well, so a case proves too that no other
alert joins in. Ends with one line of counts.
"""

import os
import re
import subprocess
import sys
import tempfile

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
RULES = os.path.join(ROOT, "charts/foreshard/files/alerts.yaml")
OPERATOR = 'job="operator",instance="op-0"'
SET = 'namespace="shop",shardset="orders"'
POD = 'job="foreshard",instance="r-0",component="router",pod="orders-router-0",' + SET
SHARD = SET + ',shard="s-a"'
MEMBER = 'job="foreshard",instance="s-0",component="shard",pod="orders-s-a-0",' + SHARD
CLAIM = 'namespace="shop",persistentvolumeclaim="data-orders-s-a-0"'
MIGRATION = OPERATOR + "," + SET + ',migration="split",type="Split",phase="%s"'
CERTIFICATE = SET + ',secret="orders-shard-tls"'
DAY = 86400
LENGTH = 420  # minutes

WELL = {
    'leader_election_master_status{%s}' % OPERATOR: "1",
    # A follower that led once: its numbers are old, and must not count.
    'leader_election_master_status{job="operator",instance="op-1"}': "0",
    'foreshard_shard_cpu_percent{job="operator",instance="op-1",%s}' % SHARD: "99",
    'foreshard_shard_headroom_percent{job="operator",instance="op-1",%s}' % SHARD: "2",
    'foreshard_forecast_trusted{job="operator",instance="op-1",%s}' % SET: "1",
    'foreshard_metrics_fresh{job="operator",instance="op-1",%s}' % SET: "0",
    'foreshard_limit_cpu_percent{job="operator",instance="op-1",%s}' % SET: "80",
    'foreshard_leftover_objects{job="operator",instance="op-1"}': "4",
    'foreshard_migration_phase{job="operator",instance="op-1",%s,migration="old",type="Split",phase="CleaningUp"}' % SET: "1",
    'foreshard_shard_headroom_percent{%s,%s}' % (OPERATOR, SHARD): "40",
    'foreshard_shard_cpu_percent{%s,%s}' % (OPERATOR, SHARD): "50",
    'foreshard_limit_cpu_percent{%s,%s}' % (OPERATOR, SET): "80",
    'foreshard_forecast_trusted{%s,%s}' % (OPERATOR, SET): "1",
    'foreshard_metrics_fresh{%s,%s}' % (OPERATOR, SET): "1",
    'foreshard_migration_phase{%s}' % (MIGRATION % "Copying"): "1x120 0x300",
    'foreshard_migration_phase{%s}' % (MIGRATION % "CleaningUp"): "0x120 1x10 0x290",
    'foreshard_migration_failures_total{%s,reason="DeadlineExceeded"}' % OPERATOR: "2",
    'foreshard_leftover_objects{%s}' % OPERATOR: "0x100 7x5 0x320",
    'foreshard_stray_rows{%s,%s}' % (OPERATOR, SHARD): "0",
    'foreshard_reference_tables_differ{%s,%s}' % (OPERATOR, SET): "0",
    'foreshard_audit_last_pass_timestamp_seconds{%s,%s}' % (OPERATOR, SET): "0",
    'foreshard_audit_interval_seconds{%s,%s}' % (OPERATOR, SET): str(DAY),
    # Nobody wants an audit of another set, and a follower does not know of the newest one.
    'foreshard_audit_last_pass_timestamp_seconds{%s,namespace="shop",shardset="off"}' % OPERATOR: "0",
    'foreshard_audit_interval_seconds{%s,namespace="shop",shardset="off"}' % OPERATOR: "0",
    'foreshard_audit_last_pass_timestamp_seconds{job="operator",instance="op-1",%s}' % SET: "0",
    'foreshard_audit_interval_seconds{job="operator",instance="op-1",%s}' % SET: "60",
    'foreshard_backup_due_since_timestamp_seconds{%s,%s}' % (OPERATOR, SET): "0",
    'foreshard_backup_due_since_timestamp_seconds{job="operator",instance="op-1",%s}' % SET: "1",
    'foreshard_backup_verification_due_since_timestamp_seconds{%s,%s}' % (OPERATOR, SET): "0",
    'foreshard_backup_verification_due_since_timestamp_seconds{job="operator",instance="op-1",%s}' % SET: "1",
    'foreshard_backup_verification_broken_shards{%s,%s}' % (OPERATOR, SET): "0",
    'foreshard_backup_verification_broken_shards{job="operator",instance="op-1",%s}' % SET: "2",
    'foreshard_backup_point_timestamp_seconds{%s,%s}' % (OPERATOR, SET): "0",
    'foreshard_backup_point_interval_seconds{%s,%s}' % (OPERATOR, SET): str(DAY),
    'foreshard_backup_point_timestamp_seconds{job="operator",instance="op-1",%s}' % SET: "0",
    'foreshard_backup_point_interval_seconds{job="operator",instance="op-1",%s}' % SET: "60",
    # A follower that led once saw what has been repaired since.
    'foreshard_stray_rows{job="operator",instance="op-1",%s}' % SHARD: "3",
    'foreshard_reference_tables_differ{job="operator",instance="op-1",%s}' % SET: "1",
    'foreshard_router_in_doubt_transactions{%s}' % POD: "0x50 1 0x370",
    'pg_replication_slots_pg_wal_lsn_diff{%s,slot_name="orders_s_a_1"}' % MEMBER: "1e6",
    'pg_stat_replication_pg_wal_lsn_diff{%s,application_name="orders-s-a-1"}' % MEMBER: "1e5",
    # A copy that is far behind is no replica that is.
    'pg_stat_replication_pg_wal_lsn_diff{%s,application_name="foreshard_7_s_b"}' % MEMBER: "9e9",
    'kubelet_volume_stats_available_bytes{%s}' % CLAIM: "6e9",
    'kubelet_volume_stats_capacity_bytes{%s}' % CLAIM: "1e10",
    # Somebody else's full volume.
    'kubelet_volume_stats_available_bytes{namespace="shop",persistentvolumeclaim="images"}': "1",
    'kubelet_volume_stats_capacity_bytes{namespace="shop",persistentvolumeclaim="images"}': "1e10",
    'foreshard_shard_primary{%s,%s,pod="orders-s-a-0"}' % (OPERATOR, SHARD): "1",
    'foreshard_shard_primary{%s,%s,pod="orders-s-a-1"}' % (OPERATOR, SHARD): "_",
    # A shard that a split has made has a first primary, which is no failover.
    'foreshard_shard_primary{%s,%s,pod="orders-s-n-0"}' % (OPERATOR, SET + ',shard="s-n"'): "_x60 1x360",
    'foreshard_certificate_expiry_timestamp_seconds{%s,%s}' % (OPERATOR, CERTIFICATE): str(250 * DAY),
    # A follower whose watch is old still shows the certificate before.
    'foreshard_certificate_expiry_timestamp_seconds{job="operator",instance="op-1",%s}' % CERTIFICATE: str(2 * DAY),
    'up{%s}' % POD: "1",
    'up{%s}' % MEMBER: "1",
}

# Name, what is otherwise than well, minute when it does not fire yet, minute when it does, and how many.
CASES = [
    ("ForeshardBreachExpected", {'foreshard_shard_headroom_percent{%s,%s}' % (OPERATOR, SHARD): "40x200 12x220"}, 205, 215, 1),
    ("ForeshardBreachNow", {'foreshard_shard_cpu_percent{%s,%s}' % (OPERATOR, SHARD): "50x200 91x220"}, 203, 210, 1),
    ("ForeshardForecastUntrusted", {'foreshard_forecast_trusted{%s,%s}' % (OPERATOR, SET): "1x200 0x220"}, 240, 270, 1),
    ("ForeshardMetricsStale", {'foreshard_metrics_fresh{%s,%s}' % (OPERATOR, SET): "1x200 0x220"}, 205, 215, 1),
    ("ForeshardMigrationStuck", {'foreshard_migration_phase{%s}' % (MIGRATION % "CleaningUp"): "0x120 1x300"}, 140, 155, 1),
    ("ForeshardMigrationStuck", {'foreshard_migration_phase{%s}' % (MIGRATION % "Copying"): "1"}, 290, 305, 1),
    ("ForeshardMigrationFailed",
     {'foreshard_migration_failures_total{%s,reason="DeadlineExceeded"}' % OPERATOR: "2x200 3x220"}, 199, 205, 1),
    ("ForeshardLeftovers", {'foreshard_leftover_objects{%s}' % OPERATOR: "0x200 2x220"}, 220, 235, 1),
    ("ForeshardRowsInconsistent", {'foreshard_stray_rows{%s,%s}' % (OPERATOR, SHARD): "0x200 2x220"}, 203, 210, 1),
    ("ForeshardRowsInconsistent", {'foreshard_reference_tables_differ{%s,%s}' % (OPERATOR, SET): "0x200 1x220"}, 203, 210, 1),
    ("ForeshardAuditOverdue", {'foreshard_audit_interval_seconds{%s,%s}' % (OPERATOR, SET): "3600"}, 180, 195, 1),
    ("ForeshardBackupTooOld", {'foreshard_backup_due_since_timestamp_seconds{%s,%s}' % (OPERATOR, SET): "60"}, 365, 380, 1),
    ("ForeshardBackupNotVerified", {'foreshard_backup_verification_due_since_timestamp_seconds{%s,%s}' % (OPERATOR, SET): "60"}, 365, 380, 1),
    ("ForeshardBackupBroken", {'foreshard_backup_verification_broken_shards{%s,%s}' % (OPERATOR, SET): "0x200 1x220"}, 203, 210, 1),
    ("ForeshardPointsStopped", {'foreshard_backup_point_interval_seconds{%s,%s}' % (OPERATOR, SET): "3600"}, 195, 210, 1),
    ("ForeshardInDoubtTransactions", {'foreshard_router_in_doubt_transactions{%s}' % POD: "0x200 1x220"}, 203, 210, 1),
    ("ForeshardSlotGrowth", {'pg_replication_slots_pg_wal_lsn_diff{%s,slot_name="orders_s_a_1"}' % MEMBER: "1e6x200 3e9x220"},
     205, 215, 1),
    ("ForeshardReplicaLag", {'pg_stat_replication_pg_wal_lsn_diff{%s,application_name="orders-s-a-1"}' % MEMBER: "1e5x200 5e8x220"},
     203, 210, 1),
    ("ForeshardDiskFills", {'kubelet_volume_stats_available_bytes{%s}' % CLAIM: "6e9x200 5e8x220"}, 205, 215, 1),
    # Ten megabytes a minute: with 3 GB free it is full in five hours.
    ("ForeshardDiskFills", {'kubelet_volume_stats_available_bytes{%s}' % CLAIM: "5e9-1e7x420"}, 30, 250, 1),
    ("ForeshardFailover", {'foreshard_shard_primary{%s,%s,pod="orders-s-a-0"}' % (OPERATOR, SHARD): "1x200 _x220",
                           'foreshard_shard_primary{%s,%s,pod="orders-s-a-1"}' % (OPERATOR, SHARD): "_x201 1x219"}, 199, 203, 1),
    ("ForeshardRouterDown", {'up{%s}' % POD: "1x200 0x220"}, 201, 205, 2),  # the last one: both rules
    ("ForeshardRouterDown", {'up{%s}' % POD: "1x200 _x220"}, 201, 210, 1),
    # The clock of promtool begins at 1970: after 100 minutes there are 30 days left, and then 3.
    ("ForeshardCertificateExpires",
     {'foreshard_certificate_expiry_timestamp_seconds{%s,%s}' % (OPERATOR, CERTIFICATE): str(30 * DAY + 6000)}, 155, 165, 1),
    ("ForeshardCertificateExpires",  # both rules
     {'foreshard_certificate_expiry_timestamp_seconds{%s,%s}' % (OPERATOR, CERTIFICATE): str(3 * DAY + 6000)}, 55, 165, 2),
    ("ForeshardOperatorDown", {'leader_election_master_status{%s}' % OPERATOR: "1x200 0x220"}, 201, 205, 1),
]


def values(text):
    """promtool's notation for "value x how many samples", from ours."""
    if "-" in text.replace("e-", ""):
        return text
    parts = []
    for part in text.split():
        value, _, count = part.partition("x")
        count = int(count or (1 if " " in text else LENGTH))
        parts.append("_x%d" % count if value == "_" else "%s+0x%d" % (value, count - 1))
    return " ".join(parts)


def firing(minute, names):
    samples = [{"labels": '{alertname="%s"}' % name, "value": count} for name, count in names.items()]
    return {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": "%dm" % minute, "exp_samples": samples}


def case(name, changes, expressions):
    for series in changes:
        assert series in WELL, "a case changes a series that is not there: " + series
    series = dict(WELL, **changes)
    return {"name": name, "interval": "1m", "promql_expr_test": expressions,
            "input_series": [{"series": key, "values": values(value)} for key, value in series.items()]}


def cases():
    yield case("all is well", {}, [firing(minute, {}) for minute in range(5, LENGTH - 5, 15)])
    for name, changes, before, after, count in CASES:
        yield case(name, changes, [firing(before, {}), firing(after, {name: count})])


WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset", "inf", "nan"}


def metrics_of(expression):
    text = re.sub(r'"[^"]*"|\'[^\']*\'', "", expression)
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", text)
    names = re.findall(r"(?<![\w.])[a-zA-Z_][\w:]*\b(?!\s*\()", text)
    return {name for name in names if name not in WORDS}


def exported():
    with open(os.path.join(ROOT, "docs/metrics.md"), encoding="utf-8") as file:
        names = set(re.findall(r"^\| `([a-z0-9_]+)` \|", file.read(), re.M))
    return names | {name + end for name in names for end in ("_bucket", "_sum", "_count")}


def problems(rules):
    known = exported()
    fires = {name for name, *_ in CASES}
    for rule in rules:
        name = rule["alert"]
        if name not in fires:
            yield "%s has no case that makes it fire" % name
        for metric in metrics_of(rule["expr"]) - known:
            yield "%s asks for %s, which docs/metrics.md does not know: nobody exports it" % (name, metric)
        for annotation in ("summary", "description"):
            if not rule["annotations"].get(annotation):
                yield "%s has no %s" % (name, annotation)
        if rule["labels"].get("severity") not in ("info", "warning", "critical"):
            yield "%s has no severity" % name
    for name in fires - {rule["alert"] for rule in rules}:
        yield "there is a case for %s, but no such alert" % name


def main():
    with open(RULES, encoding="utf-8") as file:
        rules = [rule for group in yaml.safe_load(file)["groups"] for rule in group["rules"]]
    found = list(problems(rules))
    for problem in found:
        print(problem)
    tests = list(cases())
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tests.yaml")
        with open(path, "w", encoding="utf-8") as file:
            yaml.safe_dump({"rule_files": [RULES], "evaluation_interval": "1m", "tests": tests}, file, width=1000)
        good = True
        for command in (["promtool", "check", "rules", RULES], ["promtool", "test", "rules", path]):
            done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode != 0 or "lint error" in done.stdout:
                print(done.stdout)
                good = False
    print("alerts: %d rules, %d cases, %d problems%s" % (len(rules), len(tests), len(found), "" if good else ", promtool failed"))
    return 1 if found or not good else 0


if __name__ == "__main__":
    sys.exit(main())
