"""Page references: recorded, replayed, and what they say about locality."""
