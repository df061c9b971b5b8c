"""The command line: parses, asks the library, presents; nothing here computes."""

__version__ = "0.1.0"
