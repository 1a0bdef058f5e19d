"""Tables and figures of what runs have found."""
