"""Walking every page as somebody: a world of unmistakable markers, and a crawler that follows every link, table and form."""
