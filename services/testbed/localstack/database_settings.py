"""The database server's settings, in one visible table."""

from __future__ import annotations

from collections.abc import Mapping

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    # Nothing acknowledged may be lost: these are the defaults, stated because everything rests on them.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # A small machine that also runs the broker and the workers.
    "shared_buffers": "512MB",
    "effective_cache_size": "2GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "huge_pages": "off",
    # Fewer, longer checkpoints: full-page images after each checkpoint are most of the log's volume.
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    # Most images are of index pages under digests, which do not grow smaller: pglz took a third of the processor time of a
    # decision on financing among 500,000, and the log was as long without it.
    "wal_compression": "off",
    "wal_buffers": "16MB",
    # Statements are short and many: compiling them costs more than it saves, and data sits on SSD.
    "jit": "off",
    "random_page_cost": "1.1",
}

# For tests that care about speed alone; never for a proof.
NOT_DURABLE: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
