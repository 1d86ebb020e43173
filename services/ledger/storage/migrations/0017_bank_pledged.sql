-- Whether anybody holds a pledge at all: links that become known late are looked at for pledged cargo only.
CREATE INDEX financing_hold_pledged ON lianyun.financing_hold (financing) WHERE pledged AND NOT ended;
