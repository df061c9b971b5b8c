"""What an error message or a log means: its words against those that each trouble of the catalogue is known by."""

from checks.explain.ids import close_ids, named
from checks.explain.matcher import Explained, Explanation, explain

__all__ = ["Explained", "Explanation", "close_ids", "explain", "named"]
