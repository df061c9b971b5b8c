"""Tables that rules look things up in, each with its source and date."""
