#!/bin/bash
# The server takes its key only from a file of its own account: copies it there, then goes on as the image does.
set -euo pipefail
install -d -o postgres -g postgres -m 0700 /var/lib/postgresql/tls
install -o postgres -g postgres -m 0600 /run/secrets/postgres.key /run/secrets/postgres.crt /var/lib/postgresql/tls/
exec docker-entrypoint.sh postgres -c ssl=on -c ssl_min_protocol_version=TLSv1.2 \
  -c ssl_cert_file=/var/lib/postgresql/tls/postgres.crt -c ssl_key_file=/var/lib/postgresql/tls/postgres.key "$@"
