"""What happened, told: counters, traces, comparison of linkages, reports."""
