"""The user's own pictures: a small JSON layout, its reader, its check, and an example."""
