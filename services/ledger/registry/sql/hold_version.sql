-- Keeps the registry as it is until the transaction ends; many batches may hold it at once.
SELECT version FROM lianyun.registry_version FOR SHARE
