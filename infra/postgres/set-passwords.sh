#!/bin/bash
# Sets the roles' passwords from the mounted secrets; run at the first start, and again after one was renewed.
set -euo pipefail
for role in lianyun_owner lianyun_worker lianyun_credit lianyun_arrival lianyun_transparency lianyun_cases lianyun_exporter lianyun_api lianyun_pages lianyun_webhooks lianyun_reader lianyun_dashboards; do
  psql -v ON_ERROR_STOP=1 -q -U postgres -d lianyun -v role="$role" -v password="$(< "/run/secrets/$role")" \
    <<< "ALTER ROLE :\"role\" PASSWORD :'password';"
done
