"""Data sets: what a frame is, who reads it, and which frames an evaluation uses."""
