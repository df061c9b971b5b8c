"""The files of others that the method needs: known by hash, fetched whole, checked before they are put in place."""
