"""Measurements: numerical parity with the published model, speed and memory."""
