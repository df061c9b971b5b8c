"""Pure functions of space: rotations, cameras and rays, boxes, nearest vertices. No parameters here."""
