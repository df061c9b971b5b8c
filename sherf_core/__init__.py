"""SHERF in modern PyTorch: body -> geometry -> data -> model -> render -> evaluate.

The library returns values and raises `sherf_core.errors.SherfError`; it never prints and never exits.
"""
