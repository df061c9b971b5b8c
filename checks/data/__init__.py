"""Tables that rules look up: each file names its source and its date."""
