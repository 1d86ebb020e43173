"""What the pages of the statistics draw: charts over months, and flows on the diagram of the line. Pure."""
