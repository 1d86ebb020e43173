UPDATE lianyun.api_client SET revoked = %(at)s WHERE id = %(id)s AND revoked IS NULL RETURNING true
