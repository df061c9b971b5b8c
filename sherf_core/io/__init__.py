"""Reading and writing files: nothing here runs code that a file names."""
