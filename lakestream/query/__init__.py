"""Running queries: the life of a batch, the handle, the progress."""
