"""The one door to deltalake."""
