"""The page cache: file pages in memory, read-ahead, writeback."""
