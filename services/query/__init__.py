"""Reading: from any identifier that a person may hold to the view of the consignments it belongs to."""
