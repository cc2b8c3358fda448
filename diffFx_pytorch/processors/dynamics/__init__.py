"""Effects whose gain follows a level."""
