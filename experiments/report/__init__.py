"""What a user reads: the answer in words and tables, the report, the tables of evidence."""
