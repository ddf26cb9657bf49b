"""Makes the queue that tells a stream of new files, and takes it away: one module a cloud."""
