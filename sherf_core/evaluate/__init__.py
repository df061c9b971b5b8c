"""Evaluation: which pictures to make, making them, measuring them, and reporting."""
