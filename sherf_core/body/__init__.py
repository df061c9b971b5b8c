"""The body: its files, and its shape and pose."""
