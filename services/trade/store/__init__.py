"""What is stored of trades: versions of their data and filings made from them, read from the events; there is no table of its own."""
