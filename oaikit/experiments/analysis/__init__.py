"""What a sweep's results say: statistics, tables, comparisons and charts."""
