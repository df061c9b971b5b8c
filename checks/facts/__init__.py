"""Facts: what was observed, and the collectors that observe it."""
