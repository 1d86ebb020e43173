-- Nobody decides meanwhile: decisions under way hold these rows.
LOCK TABLE lianyun.financing_version IN EXCLUSIVE MODE
