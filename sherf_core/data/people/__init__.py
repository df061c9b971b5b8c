"""Synthetic clothed people, free to use: a generator of data sets in RenderPeople's layout.

    recipe -> person (wardrobe, tailor, fabrics, skin, hair, shoes) -> picture (rasterizer, light) -> writer

Everything is numpy and scipy; no graphics library, no display, no torch (but for `agreement`, which checks the result).
"""
