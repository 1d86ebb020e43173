SELECT version FROM lianyun.registry_version
