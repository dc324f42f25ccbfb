"""Patroni's REST API as somebody on the pod network reaches it: reading is free, every change asks for a certificate of the set's
authority and for the set's password."""
import base64
import json
import ssl
import urllib.error
import urllib.request

# All changes that Patroni's documentation of its REST API names, with what each needs to be carried out.
CHANGES = [
    ("POST", "switchover", lambda old, other: {"leader": old, "candidate": other}),
    ("POST", "failover", lambda old, other: {"candidate": other}),
    ("DELETE", "switchover", lambda old, other: None),
    ("PATCH", "config", lambda old, other: {"synchronous_mode": False, "pause": True}),
    ("PUT", "config", lambda old, other: {"pause": True}),
    ("POST", "restart", lambda old, other: {}),
    ("DELETE", "restart", lambda old, other: None),
    ("POST", "reload", lambda old, other: {}),
    ("POST", "reinitialize", lambda old, other: {"force": True}),
    ("POST", "failsafe", lambda old, other: {"name": other}),
    ("POST", "sigterm", lambda old, other: {}),
]


def request(member, method, path, body=None, login=None, certificate=True):
    """The HTTP status."""
    tls = member.directory / "foreshard/tls"
    context = ssl.create_default_context(cafile=tls / "ca.crt")
    context.check_hostname = False  # members know each other by address
    if certificate:
        context.load_cert_chain(tls / "tls.crt", tls / "tls.key")
    asked = urllib.request.Request(f"https://{member.address}:8008/{path}", method=method,
                                   data=None if body is None else json.dumps(body).encode())
    if login is not None:
        asked.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
    try:
        with urllib.request.urlopen(asked, timeout=10, context=context) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


def state(shard):
    """What a change would show in: who leads, since when, with which settings."""
    asked = shard.members[0].ask("config")
    members = [member.ask("patroni")[1] for member in shard.members]
    return asked, [(one["role"], one.get("timeline"), one["postmaster_start_time"]) for one in members]


def knock(shard):
    """Every change at every member without certificate or password. Returns how many were tried; none is carried out."""
    shard.await_whole()
    names = {member: member.ask("patroni")[1]["patroni"].get("name", member.name) for member in shard.members}
    old = shard.primary()
    other = next(names[member] for member in shard.members if member is not old)
    before, tried = state(shard), 0
    for member in shard.members:
        password = member.environment["PATRONI_RESTAPI_PASSWORD"]
        strangers = [(False, None, 403), (False, f"patroni:{password}", 403), (True, None, 401), (True, "patroni:", 401),
                     (True, "patroni:wrong", 401), (True, f":{password}", 401)]
        for method, path, body in CHANGES:
            for certificate, login, expected in strangers:
                status = request(member, method, path, body(names[old], other), login, certificate)
                who = f"{'with' if certificate else 'without'} a certificate, login {(login or 'none').replace(password, '<password>')}"
                assert status == expected, f"{method} /{path} at {member.name} {who}: {status}"
                tried += 1
    assert state(shard) == before, (state(shard), before)
    password = old.environment["PATRONI_RESTAPI_PASSWORD"]
    assert request(old, "POST", "reload", {}, f"patroni:{password}") == 202, "nothing else was missing"
    return tried
