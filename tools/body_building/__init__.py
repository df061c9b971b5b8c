"""Build-time code behind tools/build_body.py and tools/build_wardrobe.py; never imported by the library."""
