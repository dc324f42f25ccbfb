Counter("foreshard_router_statements_total"); Histogram("foreshard_router_latency_seconds");
