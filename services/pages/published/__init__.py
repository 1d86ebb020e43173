"""What a partner's operator sees of its own publications: words, rows and the file that is tried before it is published."""
