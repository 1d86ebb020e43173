"""Who may see what: the matrix (a table), relations of a party to a consignment, and the filter of what is shown."""
