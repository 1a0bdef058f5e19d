"""The dream in a browser: a page that plays it, steers it and looks inside it."""
