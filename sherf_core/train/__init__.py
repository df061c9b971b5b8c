"""Training: the published recipe on one process or many."""
