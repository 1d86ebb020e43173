#!/bin/bash
# Before the server starts, as the image starts it: the data folder inside its volume, the archive of the write-ahead log and the
# base backups belong to its account, and archiving is part of its settings. Where there are secrets, TLS: the server takes its key
# only from a file of its own account.
set -euo pipefail
root=$(dirname "$PGDATA")
install -d -o postgres -g postgres -m 0700 "$root" "$LIANYUN_WAL" "$LIANYUN_BACKUPS"
install -d -o postgres -g postgres -m 3777 /run/postgresql
if [ -s "$root/PG_VERSION" ] && [ ! -e "$PGDATA" ]; then # of a release that had the data at the root of the volume
  install -d -o postgres -g postgres -m 0700 "$root/moving"
  find "$root" -mindepth 1 -maxdepth 1 ! -name moving -exec mv -t "$root/moving" {} +
  mv "$root/moving" "$PGDATA"
fi
if [ -s "$PGDATA/PG_VERSION" ]; then
  bash /docker-entrypoint-initdb.d/05-archiving.sh
fi
tls=()
if [ -e /run/secrets/postgres.key ]; then
  install -d -o postgres -g postgres -m 0700 /var/lib/postgresql/tls
  install -o postgres -g postgres -m 0600 /run/secrets/postgres.key /run/secrets/postgres.crt /var/lib/postgresql/tls/
  tls=(-c ssl=on -c ssl_min_protocol_version=TLSv1.2
    -c ssl_cert_file=/var/lib/postgresql/tls/postgres.crt -c ssl_key_file=/var/lib/postgresql/tls/postgres.key)
fi
exec docker-entrypoint.sh postgres "${tls[@]}" "$@"
