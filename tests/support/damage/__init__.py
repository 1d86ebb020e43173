"""What somebody with every right in the database could change, and a small platform to change it in."""
