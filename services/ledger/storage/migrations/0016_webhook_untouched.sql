-- News of the same thing that nobody has begun to tell yet is told once: a message only says that there is something to
-- read. Null where each piece of news is told by itself.
ALTER TABLE lianyun.webhook_delivery ADD COLUMN same text COLLATE "C";
CREATE UNIQUE INDEX webhook_delivery_untouched ON lianyun.webhook_delivery (subscription, same)
    WHERE state = 'WAITING' AND attempts = 0;
