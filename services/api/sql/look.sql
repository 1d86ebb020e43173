SELECT 1 FROM lianyun.api_client LIMIT 1
