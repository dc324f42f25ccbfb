# The images of Foreshard: --target operator, router, mover, postgres, prometheus.
#
#   docker build --target operator -t foreshard-operator .          anywhere, from a registry's Debian 12
#   deploy/images/build                                             without a registry: BASE is a Debian made on this machine
#
# PROGRAMS says where the programs come from: `compiled` compiles them here; `ready` takes them from the folder programs/ of
# the build context (only from a Debian 12 host: same libraries).
ARG BASE=docker.io/library/debian:12-slim
ARG PROGRAMS=compiled
# What an installation leaves that nobody needs, or that is another one each time: deploy/release/digest would tell two builds apart.
ARG CLEAN="rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/cache/ldconfig/aux-cache /var/lib/dpkg/*-old \
  /etc/passwd- /etc/shadow- /etc/group- /etc/gshadow- /etc/machine-id /var/lib/dbus/machine-id \
  /etc/ssl/private/ssl-cert-snakeoil.key /etc/ssl/certs/ssl-cert-snakeoil.pem && find /etc/ssl/certs -xtype l -delete && \
  find /var/log -type f -delete"

FROM ${BASE} AS compiled
COPY deploy/packages/build.txt /tmp/
RUN apt-get update && \
    sed -e 's/#.*//' /tmp/build.txt | xargs apt-get install -y --no-install-recommends && \
    rm -rf /var/lib/apt/lists/*
COPY . /source
RUN cmake --preset release -S /source && cmake --build /source/build/release && \
    mkdir /programs && cp /source/build/release/bin/foreshard-* /programs/ && strip /programs/*

FROM scratch AS ready
COPY programs/ /programs/

FROM ${PROGRAMS} AS programs

# The libraries that our programs share, none of their headers. One layer for all three.
FROM ${BASE} AS runtime
ARG CLEAN
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      ca-certificates libcpprest2.10 libyaml-cpp0.7 libprometheus-cpp-core1.0 libuv1 libpq5 libpg-query1504.0 libfmt9 libssl3 zlib1g && \
    eval "$CLEAN"
# Numeric, so that Kubernetes can see that it is not root. The root file system may be read-only.
USER 65532:65532
WORKDIR /

FROM runtime AS operator
ARG CLEAN
ARG VERSION=dev
USER 0:0
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libical3 && \
    eval "$CLEAN"
USER 65532:65532
LABEL org.opencontainers.image.title="foreshard-operator" \
      org.opencontainers.image.description="Forecasts the load of PostgreSQL shards and splits them before the peak" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=programs /programs/foreshard-operator /usr/bin/foreshard-operator
ENTRYPOINT ["/usr/bin/foreshard-operator"]

FROM runtime AS router
ARG VERSION=dev
LABEL org.opencontainers.image.title="foreshard-router" \
      org.opencontainers.image.description="Speaks the PostgreSQL protocol and routes each statement by its key" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=programs /programs/foreshard-router /usr/bin/foreshard-router
EXPOSE 5432
ENTRYPOINT ["/usr/bin/foreshard-router"]

# A member of a shard: PostgreSQL under Patroni, and the exporter for the sidecar. Nothing is started by the installation.
FROM ${BASE} AS postgres
ARG CLEAN
ARG VERSION=dev
LABEL org.opencontainers.image.title="foreshard-postgres" \
      org.opencontainers.image.description="PostgreSQL 15 with Patroni, pgBackRest and the Prometheus exporter" \
      org.opencontainers.image.licenses="PostgreSQL AND MIT AND Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
# The user first, so that its number is known to Kubernetes: files on a volume belong to it.
RUN groupadd --system --gid 999 postgres && \
    useradd --system --uid 999 --gid 999 --home-dir /var/lib/postgresql --shell /bin/bash postgres && \
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d && \
    mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf && \
    apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      postgresql-15 patroni python3-kubernetes python3-psycopg2 prometheus-postgres-exporter pgbackrest && \
    eval "$CLEAN" && \
    mkdir -p /var/lib/postgresql && chown 999:999 /var/lib/postgresql
USER 999:999
ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8
EXPOSE 5432 8008 9187
ENTRYPOINT ["/usr/bin/patroni"]

FROM runtime AS mover
ARG VERSION=dev
LABEL org.opencontainers.image.title="foreshard-mover" \
      org.opencontainers.image.description="Copies a key range from one shard to another while it is written" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
# The schema of a new shard is dumped by PostgreSQL's own tool; its libraries are those of libpq.
COPY --from=postgres /usr/lib/postgresql/15/bin/pg_dump /usr/bin/pg_dump
COPY --from=programs /programs/foreshard-mover /usr/bin/foreshard-mover
ENTRYPOINT ["/usr/bin/foreshard-mover"]

FROM ${BASE} AS prometheus
ARG CLEAN
ARG VERSION=dev
LABEL org.opencontainers.image.title="foreshard-prometheus" \
      org.opencontainers.image.description="Prometheus of Debian, for clusters that have none" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
RUN printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d && \
    apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates prometheus && \
    find /usr/share/javascript/moment-timezone -type f ! -name 'moment-timezone-with-data.min.js' -delete && \
    eval "$CLEAN"
USER 65532:65532
EXPOSE 9090
ENTRYPOINT ["/usr/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
