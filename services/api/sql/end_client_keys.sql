UPDATE lianyun.api_client_key SET not_after = %(at)s
WHERE client = %(client)s AND kid <> %(kid)s AND (not_after IS NULL OR not_after > %(at)s)
RETURNING kid
