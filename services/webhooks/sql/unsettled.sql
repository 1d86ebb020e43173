SELECT max(id) FROM lianyun.pending
