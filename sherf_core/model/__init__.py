"""The SHERF model: encoders, tri-plane, sparse volume, deformation, fusion and radiance field."""
