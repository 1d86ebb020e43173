UPDATE lianyun.registry_version SET version = %(version)s
