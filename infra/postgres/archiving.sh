#!/bin/bash
# Has the server include the settings of archiving; run when its data folder was just made, and again before each start.
set -euo pipefail
include="include_if_exists = '/etc/lianyun/archiving.conf'"
grep -qxF "$include" "$PGDATA/postgresql.conf" || echo "$include" >> "$PGDATA/postgresql.conf"
