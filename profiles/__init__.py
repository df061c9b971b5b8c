"""Launch profiles: how to run on a kind of machine, and what becomes of that on this one."""

from profiles.complaints import ProfileFileError
from profiles.derive import derive
from profiles.resolver import ResolvedProfile, resolve_profile
from profiles.schema import Profile
from profiles.store import UnknownProfileError, load_profile, profile_names
from profiles.written import write_profile

__all__ = [
    "Profile",
    "ProfileFileError",
    "ResolvedProfile",
    "UnknownProfileError",
    "derive",
    "load_profile",
    "profile_names",
    "resolve_profile",
    "write_profile",
]
