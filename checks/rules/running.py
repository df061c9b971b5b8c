"""What a run needs, and troubles of the published code that do not exist here."""
