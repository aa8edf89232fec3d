"""What commands do on a terminal: colours, the pager, progress."""
