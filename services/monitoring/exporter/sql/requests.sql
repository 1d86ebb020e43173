SELECT a.open, (SELECT b.appended FROM lianyun.body b WHERE b.no = a.first)
FROM (SELECT count(*) AS open, min(no) AS first FROM lianyun.financing_asked WHERE answered IS NULL) AS a
