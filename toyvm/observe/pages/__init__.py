"""Page references: recording, traces, replay with replacement policies, and locality."""
