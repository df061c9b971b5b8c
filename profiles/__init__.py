"""Launch profiles: how to run on a kind of machine, and what becomes of that on this one."""

from profiles.resolver import ResolvedProfile, resolve_profile
from profiles.schema import Profile
from profiles.store import load_profile, profile_names

__all__ = ["Profile", "ResolvedProfile", "load_profile", "profile_names", "resolve_profile"]
