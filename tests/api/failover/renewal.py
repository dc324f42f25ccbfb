"""A renewed certificate: what the members of a shard serve, without a restart and without ending a connection."""
import base64
import socket
import ssl
import struct
import time

from clients import run
from members import ROOT  # noqa: F401  it names the folder of `cluster`

from cluster import CORE, Refused, wait_for

SSL_REQUEST = struct.pack(">II", 8, 80877103)
SERVED_WITHIN = 60  # seconds after kubelet wrote the files: a deadline, no promise


def served(address, port):
    """The certificate, as PEM, that a server shows; PostgreSQL is asked for TLS first. Nothing if nobody answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # compared by the caller, byte by byte
    try:
        with socket.create_connection((address, port), timeout=2) as connection:
            if port == 5432:
                connection.sendall(SSL_REQUEST)
                if connection.recv(1) != b"S":
                    return None
            with context.wrap_socket(connection) as secured:
                return ssl.DER_cert_to_PEM_cert(secured.getpeercert(True))
    except OSError:
        return None


def renew(shard):
    """The Secret is removed, the operator issues a new one, the files of each member become its content, as kubelet does it.

    Returns the seconds until PostgreSQL and Patroni of every member serve it. A session that was open before goes on."""
    member = shard.members[0]
    cluster, secret = member.cluster, f"{shard.scope.rsplit('-', 2)[0]}-shard-tls"
    path = f"{CORE}/namespaces/{member.space}/secrets/{secret}"
    session = shard.login.open(shard.address())
    before = run(session, "SELECT pg_backend_pid(), pg_postmaster_start_time()").fetchone()
    old = cluster.api.get(path)["data"]
    cluster.kubectl("-n", member.space, "delete", "secret", secret)

    def issued():
        try:
            return cluster.api.get(path)["data"]
        except Refused:
            return None
    new = wait_for("the operator issues a certificate", 30, issued)
    assert new["tls.crt"] != old["tls.crt"] and new["ca.crt"] == old["ca.crt"]
    for member in shard.members:
        for name in ("tls.key", "tls.crt"):  # the certificate last: it is what is followed
            (member.directory / "foreshard/tls" / name).write_bytes(base64.b64decode(new[name]))
    wanted, began = base64.b64decode(new["tls.crt"]).decode().split("-----END CERTIFICATE-----")[0].strip(), time.monotonic()
    for member in shard.members:
        for port in (5432, 8008):
            def shown(member=member, port=port):
                time.sleep(0.2)
                return (served(member.address, port) or "").startswith(wanted)
            wait_for(f"{member.name} serves the new certificate on {port}", SERVED_WITHIN, shown)
    seconds = time.monotonic() - began
    assert run(session, "SELECT pg_backend_pid(), pg_postmaster_start_time()").fetchone() == before
    session.close()
    return seconds
